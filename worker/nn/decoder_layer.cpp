#include "worker/nn/decoder_layer.h"

namespace lacuna {
at::Tensor GatedMlp::forward(const at::Tensor& x) const {
  return down.forward(forward_gated(x, gate, up));
}

at::Tensor DecoderLayer::forward(LayerIndex layer, const at::Tensor& x, const RotaryAngles& angles,
                                 AttentionBackend& backend) const {
  const at::Tensor h = x + attention.forward(layer, attention_norm.forward(x), angles, backend);
  return h + mlp.forward(mlp_norm.forward(h));
}

}  // namespace lacuna
