// y = x W^T + b.
#pragma once

#include <ATen/ATen.h>

namespace lacuna {

struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], or undefined

  // x [tokens, in] -> [tokens, out], in x's dtype. Differentiable when gradients are being recorded.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;
};

}  // namespace lacuna
