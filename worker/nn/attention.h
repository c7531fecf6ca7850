// Grouped-query self-attention: projections, rotary embedding, attention, output projection.
#pragma once

#include "worker/nn/attention_backend.h"
#include "worker/nn/linear.h"
#include "worker/nn/rotary_embedding.h"

namespace lacuna {

struct Attention {
  Linear query, key, value, output;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // divides heads
  std::int64_t head_dim = 0;
  std::int64_t window = 0;  // sliding window in tokens; 0: none

  // x [tokens, hidden] (normalised), the residual stream [tokens, hidden] -> the stream plus attention(x).
  [[nodiscard]] at::Tensor forward_added(LayerIndex layer, const at::Tensor& x, const RotaryAngles& angles,
                                         AttentionBackend& backend, const at::Tensor& stream) const;
};

}  // namespace lacuna
