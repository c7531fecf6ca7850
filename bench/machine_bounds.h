// What the machine can do at best, measured in the run whose figures are held against it.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>

namespace lacuna {

struct MachineBounds {
  double read_bytes_per_second = 0;  // a buffer of the weights' size, by all compute threads
  double flops_per_second = 0;       // matrix products in the model's dtype; a multiply-add counts as two
  std::string matrix_shape;          // "m x k x n" of the product that was fastest
};

// Measures again and again during a run and keeps the best: on a shared machine a bound that was taken once,
// in a disturbed moment, would make everything look good.
class BoundMeter {
 public:
  // `weight_bytes`: of the model that will be measured; at most 1 GiB is read.
  BoundMeter(const at::Device& device, at::ScalarType dtype, std::int64_t weight_bytes, std::int64_t threads);

  // Takes about half a second, and a buffer of the weights' size meanwhile.
  void sample();

  [[nodiscard]] const MachineBounds& best() const { return best_; }

 private:
  at::Device device_;
  at::ScalarType dtype_;
  std::int64_t bytes_;
  std::int64_t threads_;
  MachineBounds best_;
};

}  // namespace lacuna
