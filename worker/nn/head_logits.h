// Logits that are computed when somebody wants them: who wants only the largest of each row never needs them
// in memory.
#pragma once

#include <ATen/ATen.h>

#include "worker/nn/linear.h"

namespace lacuna {

class HeadLogits {
 public:
  // Logits that are there already, [n, vocabulary].
  HeadLogits(at::Tensor logits);  // NOLINT(google-explicit-constructor): logits are what it stands for
  // states [n, hidden], after the final norm. `head` must outlive this.
  HeadLogits(const Linear& head, at::Tensor states);

  // Whether the largest of many rows are found without their logits in memory.
  static bool finds_largest_alone(const Linear& head);

  [[nodiscard]] std::int64_t vocabulary() const;
  // [n, vocabulary], in the states' dtype; computed once.
  [[nodiscard]] const at::Tensor& all() const;
  // int64 [n] on the same device: the column of each row's largest logit, the lowest among equals, as
  // at::argmax finds it (but NaN is never the largest on the CPU). LibTorch 1.13's takes 1 ms for a row of
  // 151,936 there, as long as all else that a row of a batch costs.
  [[nodiscard]] at::Tensor find_largest() const;

 private:
  const Linear* head_ = nullptr;
  at::Tensor states_;
  mutable at::Tensor logits_;
};

}  // namespace lacuna
