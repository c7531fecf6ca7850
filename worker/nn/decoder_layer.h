// A pre-norm decoder layer: attention, then a gated MLP, each added to the residual stream.
#pragma once

#include "worker/nn/attention.h"
#include "worker/nn/gated_mlp.h"
#include "worker/nn/rms_norm.h"

namespace lacuna {

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
