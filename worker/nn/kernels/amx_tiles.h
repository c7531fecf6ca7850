// The AMX part of bfloat16_product.h. To be called only where best_product_kernel() is kAmx.
//
// A tile is 16 rows of 64 bytes. One instruction multiplies 16 rows of W, 32 deep, with 16 rows of x, 32
// deep, and adds to 16 x 16 float32 sums; of x it wants pairs along the depth interleaved (Intel SDM,
// TDPBF16PS).
#pragma once

#include <cstdint>

#include "worker/nn/kernels/bfloat16.h"

namespace lacuna {

inline constexpr std::int64_t kTileRows = 16;
inline constexpr std::int64_t kTileDepth = 32;
inline constexpr std::int64_t kStripFeatures = 32;  // two tiles of W: what one task computes

// Rearranges `count` <= 16 rows of x [count, depth], `stride` elements apart, into [depth / 32][16 pairs][16
// rows][2], absent rows 0.
void pack_rows(const BFloat16* x, std::int64_t stride, std::int64_t count, std::int64_t depth,
               BFloat16* packed);

// Sums of 32 features and two blocks of 16 rows, as the tiles leave them: [block][feature tile][16][16].
inline constexpr std::int64_t kPairSums = 2 * kTileRows * kStripFeatures;

// Part of a product: some depths of 32 features against all rows of a chunk.
struct TileTask {
  const BFloat16* weight = nullptr;  // [32, depth]
  std::int64_t weight_stride = 0;    // elements from feature to feature
  const BFloat16* packed = nullptr;  // blocks of 16 rows, from pack_rows, from the weight's first depth on
  std::int64_t packed_stride = 0;    // elements from block to block
  std::int64_t rows = 0;
  std::int64_t depth = 0;
  float* sums = nullptr;                  // kPairSums for each two blocks of rows, aligned to 64 bytes
  bool goes_on = false;                   // `sums` hold those of the depths before; otherwise nothing
  const BFloat16* next_weight = nullptr;  // [32, next_depth] at the same stride: fetched meanwhile; or none
  std::int64_t next_depth = 0;
};
void multiply_tiles(const TileTask& task);

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
