// What becomes of the sums that tiles leave (amx_tiles.h) of 32 features. To be called only where
// best_product_kernel() is kAmx.
#pragma once

#include <cstdint>

#include "worker/nn/kernels/amx_tiles.h"
#include "worker/nn/kernels/bfloat16.h"

namespace lacuna {

// Adds the bias to the sums of 32 features, rounds them, adds the addend, rounds again and writes row by row.
struct SumsTask {
  const float* sums = nullptr;     // as multiply_tiles leaves them
  const BFloat16* bias = nullptr;  // [32], or none
  std::int64_t rows = 0;
  const BFloat16* addend = nullptr;  // of the first row and the first feature, or none
  std::int64_t addend_stride = 0;    // from row to row
  BFloat16* output = nullptr;        // of the first row and the first feature
  std::int64_t output_stride = 0;    // from row to row
  std::int64_t first_feature = 0;    // features before it are not written: another strip does
};
void write_sums(const SumsTask& task);

// silu(gate) * up of the sums of 32 features, every factor rounded, packed as pack_rows does: these features
// are 32 depths of the product that follows.
struct GateTask {
  const float* gate = nullptr;  // as multiply_tiles leaves them
  const float* up = nullptr;
  const BFloat16* gate_bias = nullptr;  // [32], or none
  const BFloat16* up_bias = nullptr;
  std::int64_t rows = 0;
  BFloat16* packed = nullptr;      // of the first row and the first of the depths
  std::int64_t packed_stride = 0;  // elements from block to block
};
void write_gated(const GateTask& task);

// For every row the largest of its 32 rounded sums and which feature it is, the lowest among equals;
// -infinity and feature 0 where none is larger. NaN is never the largest.
struct LargestTask {
  const float* sums = nullptr;     // as multiply_tiles leaves them
  const BFloat16* bias = nullptr;  // [32], or none
  std::int64_t rows = 0;
  float* values = nullptr;  // [rows, up to a multiple of 16]
  std::int32_t* features = nullptr;
};
void find_largest_sums(const LargestTask& task);

}  // namespace lacuna
