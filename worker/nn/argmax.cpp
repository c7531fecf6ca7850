#include "worker/nn/argmax.h"

#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {

at::Tensor find_largest_columns(const at::Tensor& logits) {
  if (!fits_kernels(logits)) return at::argmax(logits, -1);
  const std::int64_t rows = logits.size(0);
  const std::int64_t columns = logits.size(1);
  const at::Tensor largest = at::empty({rows}, at::TensorOptions().dtype(at::kLong));
  with_kernel_type(logits.scalar_type(), [&]<class T>(T) {
    run_tiles(at::kCPU, rows, 4 * logits.numel(), [&](std::int64_t row) {
      elements_of<std::int64_t>(largest)[row] = find_largest(elements_of<T>(logits) + row * columns, columns);
    });
  });
  return largest;
}

}  // namespace lacuna
