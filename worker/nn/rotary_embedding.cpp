#include "worker/nn/rotary_embedding.h"

#include <numbers>

#include "worker/nn/cuda_kernels.h"
#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {
namespace {

// Wavelengths beyond original / low_freq_factor are stretched by `factor`, those below original /
// high_freq_factor stay, and between the two bounds the share of the unstretched frequency grows linearly.
at::Tensor scale_frequencies(const at::Tensor& frequencies, const Llama3RopeScaling& scaling) {
  const at::Tensor wavelengths = 2.0 * std::numbers::pi / frequencies;
  const double low_bound = scaling.original_max_positions / scaling.low_freq_factor;
  const double high_bound = scaling.original_max_positions / scaling.high_freq_factor;
  const at::Tensor stretched = frequencies / scaling.factor;
  const at::Tensor kept_share = (scaling.original_max_positions / wavelengths - scaling.low_freq_factor) /
                                (scaling.high_freq_factor - scaling.low_freq_factor);
  const at::Tensor blended = (1.0 - kept_share) * stretched + kept_share * frequencies;
  return at::where(wavelengths > low_bound, stretched,
                   at::where(wavelengths < high_bound, frequencies, blended));
}

}  // namespace

RotaryEmbedding::RotaryEmbedding(std::int64_t head_dim, double theta,
                                 const std::optional<Llama3RopeScaling>& scaling) {
  const at::Tensor exponents =
      at::arange(0, head_dim, 2, at::kLong).to(at::kFloat) / static_cast<double>(head_dim);
  inverse_frequencies_ = 1.0 / at::pow(at::scalar_tensor(theta, at::kFloat), exponents);
  if (scaling) inverse_frequencies_ = scale_frequencies(inverse_frequencies_, *scaling);
}

RotaryAngles RotaryEmbedding::compute_angles(const at::Tensor& positions, at::ScalarType dtype) const {
  RotaryAngles angles;
  // In one tile: where threads meet, sine and cosine take another path with another last bit.
  run_tiles(positions.device(), 1, 0, [&](std::int64_t) {
    const at::Tensor half =
        positions.to(at::kFloat).unsqueeze(1) *
        inverse_frequencies_.to(positions.device(), at::kFloat, /*non_blocking=*/true).unsqueeze(0);
    const at::Tensor full = at::cat({half, half}, 1);
    angles = {full.cos().to(dtype), full.sin().to(dtype)};
  });
  return angles;
}

at::Tensor rotate(const at::Tensor& x, const RotaryAngles& angles) {
  if (fits_kernels(x) && angles.cosine.scalar_type() == x.scalar_type()) {
    at::Tensor y = at::empty_like(x);
    const std::int64_t heads = x.size(1);
    const std::int64_t head_dim = x.size(2);
    with_kernel_type(x.scalar_type(), [&]<class T>(T) {
      run_row_blocks(x.size(0), 32 * heads * head_dim, [&](std::int64_t first, std::int64_t count) {
        rotate_heads(elements_of<T>(x) + first * heads * head_dim,
                     elements_of<T>(angles.cosine) + first * head_dim,
                     elements_of<T>(angles.sine) + first * head_dim, count, heads, head_dim,
                     elements_of<T>(y) + first * heads * head_dim);
      });
    });
    return y;
  }
  if (auto y = rotate_on_gpu(x, angles.cosine, angles.sine)) return *y;
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor turned = at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
  return x * angles.cosine.unsqueeze(1) + turned * angles.sine.unsqueeze(1);
}

}  // namespace lacuna
