// Root mean square normalisation (Zhang and Sennrich 2019) as the Llama family uses it.
#pragma once

#include <ATen/ATen.h>

namespace lacuna {

struct RmsNorm {
  at::Tensor weight;  // [hidden]
  double epsilon = 1e-6;

  // x [tokens, hidden] -> same shape and dtype: x / sqrt(mean(x^2) + epsilon) in float32, rounded to x's
  // dtype, then times the weight.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;
};

// L2 norms of the tokens' states, stream [tokens, hidden] -> [tokens] float32, computed in float32.
at::Tensor measure_l2_norms(const at::Tensor& stream);

}  // namespace lacuna
