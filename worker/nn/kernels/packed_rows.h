// Rows of x as AMX wants its second factor (amx_tiles.h): blocks of 16 rows, each [depth / 32][16 pairs][16
// rows][2].
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "worker/nn/kernels/amx_tiles.h"
#include "worker/nn/kernels/bfloat16.h"

namespace lacuna {

// A cache line, so that tiles are loaded from whole lines.
struct alignas(64) CacheLine {
  std::byte bytes[64];
};

class PackedRows {
 public:
  PackedRows() = default;
  // Room for them, with nothing in it; depth a multiple of 32.
  PackedRows(std::int64_t rows, std::int64_t depth)
      : rows_(rows), depth_(depth), lines_(new CacheLine[static_cast<std::size_t>(blocks() * depth / 2)]) {}

  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t depth() const { return depth_; }
  [[nodiscard]] std::int64_t blocks() const { return (rows_ + kTileRows - 1) / kTileRows; }
  // Elements of a block of 16 rows.
  [[nodiscard]] std::int64_t block_stride() const { return kTileRows * depth_; }
  // Where the block of `row`, a multiple of 16, has the depths from `depth` on, a multiple of 32.
  [[nodiscard]] BFloat16* at(std::int64_t row, std::int64_t depth) const {
    return reinterpret_cast<BFloat16*>(lines_.get()) + row * depth_ + depth * kTileRows;
  }

 private:
  std::int64_t rows_ = 0;
  std::int64_t depth_ = 0;
  std::unique_ptr<CacheLine[]> lines_;  // 32 elements each
};

}  // namespace lacuna
