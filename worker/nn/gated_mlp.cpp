#include "worker/nn/gated_mlp.h"

#include "worker/nn/cuda_kernels.h"
#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernel_product.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {
namespace {

// silu(gate) * up; both factors rounded to their dtype.
at::Tensor multiply_gate(const at::Tensor& gate, const at::Tensor& up) {
  if (!fits_kernels(gate)) {
    if (auto gated = apply_silu_gate_on_gpu(gate, up)) return *gated;
    return at::silu(gate) * up;
  }
  at::Tensor gated = at::empty_like(gate);
  const std::int64_t width = gated.size(1);
  with_kernel_type(gated.scalar_type(), [&]<class T>(T) {
    run_row_blocks(gated.size(0), 32 * width, [&](std::int64_t first, std::int64_t count) {
      apply_silu_gate(elements_of<T>(gate) + first * width, elements_of<T>(up) + first * width, count * width,
                      elements_of<T>(gated) + first * width);
    });
  });
  return gated;
}

}  // namespace

at::Tensor GatedMlp::forward_added(const at::Tensor& x, const at::Tensor& stream) const {
  if (auto sum = run_mlp_with_kernels(x, gate, up, down, stream)) return *sum;
  const std::vector<at::Tensor> factors = forward_together(x, {&gate, &up});
  return down.forward_added(multiply_gate(factors[0], factors[1]), stream);
}

}  // namespace lacuna
