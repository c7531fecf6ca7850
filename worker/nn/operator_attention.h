// Attention as chains of LibTorch's operators, for any device.
#pragma once

#include <ATen/ATen.h>

namespace lacuna {

// Whether attend_prompts uses LibTorch's fused attention for q. In bfloat16 that differs from the formula by
// roundings alone, and keeps the scores in float32; float32 keeps to the formula, as the decisions of float32
// runs are compared one by one.
bool prefers_fused(const at::Tensor& q);

// Queries of prompts. q [batch, heads, queries, head_dim]; k, v [batch, kv_heads, keys, head_dim], float
// mask [queries, keys] that is added to the scores -> the shape of q. Where attention is fused the mask is of
// q's dtype, or undefined: query i sees keys 0 ... i.
at::Tensor attend_prompts(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const at::Tensor& mask);

// One new token for each of `slots` branches of a few sequences. q [slots, sequences, kv_heads, group,
// head_dim]; of every sequence the prompt's keys and values [sequences, kv_heads, p, head_dim], which its
// branches share, and of every branch its response's [slots, sequences, kv_heads, r, head_dim]. `mask`
// broadcasts to [slots, sequences, kv_heads, group, p + r] and is added to the scores, or is undefined -> the
// shape of q.
struct BranchKeys {
  at::Tensor prompt;
  at::Tensor response;
};
at::Tensor attend_branches_of(const at::Tensor& q, const BranchKeys& keys, const BranchKeys& values,
                              const at::Tensor& mask);

}  // namespace lacuna
