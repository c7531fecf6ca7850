// What differs between the releases of LibTorch that Lacuna is built against (1.13 and 2.x): the one place
// that asks for its version.
#pragma once

#include <ATen/ATen.h>
#include <torch/version.h>

#if TORCH_VERSION_MAJOR < 2
#include <stdexcept>
#endif

namespace lacuna {

// Whether LibTorch has attention in one kernel that never writes the scores to memory (flash attention).
inline constexpr bool kHasFusedAttention = TORCH_VERSION_MAJOR >= 2;

// softmax(q k^T / sqrt(head_dim)) v in that way; only where kHasFusedAttention. q [batch, heads, queries,
// head_dim], k and v [batch, heads, keys, head_dim]. `mask` [queries, keys] of q's dtype is added to the
// scores; undefined: query i sees keys 0 ... i.
inline at::Tensor attend_fused(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& mask) {
#if TORCH_VERSION_MAJOR >= 2
  // The arguments that all of 2.x agree on; later releases append others.
  if (mask.defined()) return at::scaled_dot_product_attention(q, k, v, mask);
  return at::scaled_dot_product_attention(q, k, v, {}, /*dropout_p=*/0.0, /*is_causal=*/true);
#else
  static_cast<void>(q), static_cast<void>(k), static_cast<void>(v), static_cast<void>(mask);
  throw std::logic_error("this LibTorch has no fused attention");
#endif
}

}  // namespace lacuna
