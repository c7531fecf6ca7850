#include "worker/nn/attention.h"

namespace lacuna {

at::Tensor Attention::forward_added(LayerIndex layer, const at::Tensor& x, const RotaryAngles& angles,
                                    AttentionBackend& backend, const at::Tensor& stream) const {
  const std::int64_t tokens = x.size(0);
  const std::vector<at::Tensor> projected = forward_together(x, {&query, &key, &value});
  const at::Tensor q = rotate(projected[0].view({tokens, heads, head_dim}), angles);
  const at::Tensor k = rotate(projected[1].view({tokens, kv_heads, head_dim}), angles);
  const at::Tensor v = projected[2].view({tokens, kv_heads, head_dim});
  return output.forward_added(backend.attend(layer, q, k, v, window), stream);
}

}  // namespace lacuna
