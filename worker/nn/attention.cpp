#include "worker/nn/attention.h"

namespace lacuna {

at::Tensor Attention::forward(LayerIndex layer, const at::Tensor& x, const RotaryAngles& angles,
                              AttentionBackend& backend) const {
  const std::int64_t tokens = x.size(0);
  const at::Tensor q = rotate(query.forward(x).view({tokens, heads, head_dim}), angles);
  const at::Tensor k = rotate(key.forward(x).view({tokens, kv_heads, head_dim}), angles);
  const at::Tensor v = value.forward(x).view({tokens, kv_heads, head_dim});
  return output.forward(backend.attend(layer, q, k, v, window));
}

}  // namespace lacuna
