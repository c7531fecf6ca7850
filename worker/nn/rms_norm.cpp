#include "worker/nn/rms_norm.h"

namespace lacuna {

at::Tensor RmsNorm::forward(const at::Tensor& x) const {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor inverse_rms = at::rsqrt(at::mean(wide * wide, {-1}, /*keepdim=*/true) + epsilon);
  return weight * (wide * inverse_rms).to(x.scalar_type());
}

}  // namespace lacuna
