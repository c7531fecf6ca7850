// The core of attention: softmax(q k^T) v.
#pragma once

#include <ATen/ATen.h>

namespace lacuna {

// 1 / sqrt(head_dim), what scores are multiplied with.
float score_scale(std::int64_t head_dim);

// Attention weights in the dtype of `scores`: softmax over the last axis, computed in float32.
// scores [..., queries, keys]; `mask` [queries, keys] float32 is added first (0 = may look, -inf = may not),
// or undefined.
at::Tensor softmax_scores(const at::Tensor& scores, const at::Tensor& mask);

// q [..., queries, head_dim], k and v [..., keys, head_dim], mask as above -> [..., queries, head_dim].
// Scores are scaled by 1 / sqrt(head_dim). Differentiable.
at::Tensor weigh_values(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const at::Tensor& mask);

// The same weights on the CPU in place, without a mask in memory: scores [heads * queries, keys] of queries
// at positions first_query, first_query + 1, ... (the same for every head), key j at position j; what a query
// does not see becomes 0. Scaled by 1 / sqrt(head_dim). In the calling thread.
void softmax_causal_rows(const at::Tensor& scores, std::int64_t queries, std::int64_t first_query,
                         std::int64_t window, std::int64_t head_dim);

// The causal mask [queries, keys] float32 for queries at positions first_query, first_query + 1, ... and keys
// at positions first_key, ...: a query sees itself and what came before, of that the last `window` positions
// if `window` > 0.
at::Tensor make_causal_mask(std::int64_t first_query, std::int64_t queries, std::int64_t first_key,
                            std::int64_t keys, std::int64_t window, const at::Device& device);

}  // namespace lacuna
