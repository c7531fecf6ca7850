// The gated MLP of a decoder layer (SwiGLU; Shazeer 2020, arXiv 2002.05202).
#pragma once

#include "worker/nn/linear.h"

namespace lacuna {

// down(silu(gate(x)) * up(x)).
struct GatedMlp {
  Linear gate, up, down;

  // x [tokens, hidden] (normalised), the residual stream [tokens, hidden] -> the stream plus mlp(x).
  [[nodiscard]] at::Tensor forward_added(const at::Tensor& x, const at::Tensor& stream) const;
};

}  // namespace lacuna
