#include "worker/nn/rms_norm.h"

#include "worker/nn/cuda_kernels.h"
#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {

at::Tensor RmsNorm::forward(const at::Tensor& x) const {
  if (fits_kernels(x)) {
    at::Tensor y = at::empty_like(x);
    const std::int64_t width = x.size(-1);
    with_kernel_type(x.scalar_type(), [&]<class T>(T) {
      run_row_blocks(x.size(0), 32 * width, [&](std::int64_t first, std::int64_t count) {
        normalize_rms(elements_of<T>(x) + first * width, elements_of<T>(weight), static_cast<float>(epsilon),
                      count, width, elements_of<T>(y) + first * width);
      });
    });
    return y;
  }
  if (auto y = normalize_rms_on_gpu(x, weight, epsilon)) return *y;
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor inverse_rms = at::rsqrt(at::mean(wide * wide, {-1}, /*keepdim=*/true) + epsilon);
  return weight * (wide * inverse_rms).to(x.scalar_type());
}

at::Tensor measure_l2_norms(const at::Tensor& stream) {
  if (!fits_kernels(stream)) {
    if (auto norms = measure_l2_on_gpu(stream)) return *norms;
    return at::norm(stream.to(at::kFloat), 2, {1});
  }
  at::Tensor norms = at::empty({stream.size(0)}, stream.options().dtype(at::kFloat));
  const std::int64_t width = stream.size(1);
  with_kernel_type(stream.scalar_type(), [&]<class T>(T) {
    run_row_blocks(stream.size(0), 8 * width, [&](std::int64_t first, std::int64_t count) {
      measure_l2(elements_of<T>(stream) + first * width, count, width, elements_of<float>(norms) + first);
    });
  });
  return norms;
}

}  // namespace lacuna
