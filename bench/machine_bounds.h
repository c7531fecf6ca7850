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

// Best of `repetitions` each. `weight_bytes`: of the model that will be measured; at most 4 GiB are read.
MachineBounds measure_bounds(const at::Device& device, at::ScalarType dtype, std::int64_t weight_bytes,
                             std::int64_t threads, std::int64_t repetitions);

}  // namespace lacuna
