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

// Part of a product: some depths of one strip of 32 features, or of several, against all rows of a chunk.
struct TileTask {
  const BFloat16* weight = nullptr;  // [32 * strips, depth]
  std::int64_t strips = 1;
  std::int64_t weight_stride = 0;    // elements from feature to feature
  const BFloat16* packed = nullptr;  // blocks of 16 rows, from pack_rows, from the weight's first depth on
  std::int64_t packed_stride = 0;    // elements from block to block
  std::int64_t rows = 0;
  std::int64_t depth = 0;
  float* sums = nullptr;  // strip by strip kPairSums for each two blocks of rows, aligned to 64 bytes
  bool goes_on = false;   // `sums` hold those of the depths before; otherwise nothing
  const BFloat16* next_weight = nullptr;  // [32, next_depth] at the same stride: fetched meanwhile; or none
  std::int64_t next_depth = 0;
};
void multiply_tiles(const TileTask& task);

}  // namespace lacuna
