// A pre-norm decoder layer: attention, then a gated MLP, each added to the residual stream.
#pragma once

#include "worker/nn/attention.h"
#include "worker/nn/rms_norm.h"

namespace lacuna {

// down(silu(gate(x)) * up(x)), Shazeer 2020.
struct GatedMlp {
  Linear gate, up, down;

  // x [tokens, hidden] (normalised), the residual stream [tokens, hidden] -> the stream plus mlp(x).
  [[nodiscard]] at::Tensor forward_added(const at::Tensor& x, const at::Tensor& stream) const;
};

struct DecoderLayer {
  RmsNorm attention_norm;
  Attention attention;
  RmsNorm mlp_norm;
  GatedMlp mlp;

  // x [tokens, hidden], the residual stream before the layer -> the stream after it.
  [[nodiscard]] at::Tensor forward(LayerIndex layer, const at::Tensor& x, const RotaryAngles& angles,
                                   AttentionBackend& backend) const;
};

}  // namespace lacuna
