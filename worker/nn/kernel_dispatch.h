// From tensors to the kernels of worker/nn/kernels, which know no LibTorch.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdint>

#include "worker/nn/compute_threads.h"
#include "worker/nn/kernels/bfloat16.h"

namespace lacuna {

// Whether kernels compute in that dtype.
inline bool is_kernel_type(at::ScalarType dtype) {
  return dtype == at::kFloat || dtype == at::kBFloat16;
}

// Whether the kernels can take `x`: on the CPU, contiguous, float32 or bfloat16, and nothing to
// differentiate.
inline bool fits_kernels(const at::Tensor& x) {
  return x.device().is_cpu() && is_kernel_type(x.scalar_type()) && x.is_contiguous() &&
         !at::GradMode::is_enabled();
}

// The elements of a tensor of kernel type T.
template <class T>
T* elements_of(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

// Calls work(T{}) with the kernel type of `dtype`, float or BFloat16.
template <class Work>
void with_kernel_type(at::ScalarType dtype, const Work& work) {
  if (dtype == at::kFloat) {
    work(float{});
  } else {
    work(BFloat16{});
  }
}

// Calls work(first, count) for blocks of [0, rows), spread over the compute threads. `row_cost`: of a row, in
// multiply-adds that take as long.
template <class Work>
void run_row_blocks(std::int64_t rows, std::int64_t row_cost, const Work& work) {
  constexpr std::int64_t kBlockRows = 16;
  run_tiles(at::kCPU, (rows + kBlockRows - 1) / kBlockRows, rows * row_cost, [&](std::int64_t block) {
    const std::int64_t first = block * kBlockRows;
    work(first, std::min(kBlockRows, rows - first));
  });
}

}  // namespace lacuna
