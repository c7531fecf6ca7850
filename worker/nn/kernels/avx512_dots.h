// The part of bfloat16_product.h for very few rows of x: every row of W is read once, in order, at the speed
// of memory. To be called only where best_product_kernel() is not kLibrary.
#pragma once

#include <cstdint>

#include "worker/nn/kernels/bfloat16.h"

namespace lacuna {

inline constexpr std::int64_t kMostDotRows = 8;

struct DotTask {
  const BFloat16* weight = nullptr;  // [features, depth]
  std::int64_t weight_stride = 0;    // elements from feature to feature
  const BFloat16* bias = nullptr;    // [features], or none
  std::int64_t features = 0;
  const BFloat16* x = nullptr;  // [rows, depth], 1 to 8 rows
  std::int64_t x_stride = 0;    // elements from row to row
  std::int64_t rows = 0;
  std::int64_t depth = 0;            // a multiple of 32
  const BFloat16* addend = nullptr;  // of the first row and feature, or none
  std::int64_t addend_stride = 0;    // from row to row
  BFloat16* output = nullptr;        // of the first row and feature
  std::int64_t output_stride = 0;    // from row to row
};
void multiply_by_dots(const DotTask& task);

}  // namespace lacuna
