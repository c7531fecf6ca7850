#include "worker/nn/decoder_layer.h"

namespace lacuna {

at::Tensor DecoderLayer::forward(LayerIndex layer, const at::Tensor& x, const RotaryAngles& angles,
                                 AttentionBackend& backend) const {
  const at::Tensor h = attention.forward_added(layer, attention_norm.forward(x), angles, backend, x);
  return mlp.forward_added(mlp_norm.forward(h), h);
}

}  // namespace lacuna
