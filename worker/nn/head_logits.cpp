#include "worker/nn/head_logits.h"

#include <utility>

#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernel_product.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {
namespace {

at::Tensor find_largest_columns(const at::Tensor& logits) {
  if (!fits_kernels(logits)) return at::argmax(logits, -1);
  const std::int64_t rows = logits.size(0);
  const std::int64_t columns = logits.size(1);
  at::Tensor largest = at::empty({rows}, at::TensorOptions().dtype(at::kLong));
  with_kernel_type(logits.scalar_type(), [&]<class T>(T) {
    run_tiles(at::kCPU, rows, 4 * logits.numel(), [&](std::int64_t row) {
      elements_of<std::int64_t>(largest)[row] = find_largest(elements_of<T>(logits) + row * columns, columns);
    });
  });
  return largest;
}

}  // namespace

HeadLogits::HeadLogits(at::Tensor logits) : logits_(std::move(logits)) {}

HeadLogits::HeadLogits(const Linear& head, at::Tensor states) : head_(&head), states_(std::move(states)) {}

bool HeadLogits::finds_largest_alone(const Linear& head) {
  return can_find_largest_with_kernels(head);
}

std::int64_t HeadLogits::vocabulary() const {
  return head_ != nullptr ? head_->weight.size(0) : logits_.size(1);
}

const at::Tensor& HeadLogits::all() const {
  if (!logits_.defined()) logits_ = head_->forward(states_);
  return logits_;
}

at::Tensor HeadLogits::find_largest() const {
  if (!logits_.defined()) {
    if (auto largest = find_largest_with_kernels(states_, *head_)) return *largest;
  }
  return find_largest_columns(all());
}

}  // namespace lacuna
