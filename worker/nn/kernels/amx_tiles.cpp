#include "worker/nn/kernels/amx_tiles.h"

#if defined(__x86_64__)
#include "worker/nn/kernels/avx512_vectors.h"
#endif

#include <algorithm>

namespace lacuna {

#if defined(__x86_64__)

#define LACUNA_TARGET_AMX \
  __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

namespace {

// The operand of LDTILECFG (Intel SDM): all eight tiles of full size.
struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// In memory, for GCC does not know that the instruction reads all of it.
const TileConfiguration kFullTiles;

// Fetches a strip of weights ahead of its turn, a few lines at a time, from several places by turns: memory
// that is read at one place only comes at two thirds of the speed.
class WeightFetcher {
 public:
  // `steps`: calls of fetch_some that there will be.
  WeightFetcher(const TileTask& task, std::int64_t steps)
      : row_(reinterpret_cast<const char*>(task.next_weight)),
        line_(row_),
        row_bytes_(task.weight_stride * 2),
        row_lines_(task.next_depth / kTileDepth),
        left_(task.next_weight == nullptr ? 0 : row_lines_ * kPlaceRows),
        step_lines_((left_ + steps - 1) / steps) {}

  LACUNA_TARGET_AMX void fetch_some() {
    for (std::int64_t count = std::min(step_lines_, left_); count > 0; --count) {
      for (std::int64_t place = 0; place < kPlaces; ++place) {
        _mm_prefetch(line_ + place * kPlaceRows * row_bytes_, _MM_HINT_T0);
      }
      line_ += 64;
      --left_;
      if (++column_ == row_lines_) {
        column_ = 0;
        row_ += row_bytes_;
        line_ = row_;
      }
    }
  }

 private:
  static constexpr std::int64_t kPlaces = 4;
  static constexpr std::int64_t kPlaceRows = kStripFeatures / kPlaces;

  const char* row_;  // of the first place
  const char* line_;
  std::int64_t row_bytes_;
  std::int64_t row_lines_;
  std::int64_t column_ = 0;
  std::int64_t left_;  // lines of a place
  std::int64_t step_lines_;
};

// Of one or two blocks of rows.
template <int kBlocks>
LACUNA_TARGET_AMX inline void multiply_pair(const TileTask& task, const BFloat16* weight,
                                            const BFloat16* packed, float* sums, WeightFetcher& fetcher) {
  constexpr std::int64_t kTile = kTileRows * kTileRows;
  const BFloat16* const low = weight;
  const BFloat16* const high = low + kTileRows * task.weight_stride;
  const std::int64_t weight_bytes = task.weight_stride * 2;
  if (task.goes_on) {
    _tile_loadd(0, sums, 64);
    _tile_loadd(1, sums + kTile, 64);
    if constexpr (kBlocks == 2) {
      _tile_loadd(2, sums + 2 * kTile, 64);
      _tile_loadd(3, sums + 3 * kTile, 64);
    }
  } else {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kBlocks == 2) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }
  for (std::int64_t k = 0; k < task.depth; k += kTileDepth) {
    _tile_loadd(4, low + k, weight_bytes);
    _tile_loadd(6, packed + k * kTileRows, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, high + k, weight_bytes);
    _tile_dpbf16ps(1, 5, 6);
    if constexpr (kBlocks == 2) {
      _tile_loadd(7, packed + task.packed_stride + k * kTileRows, 64);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
    fetcher.fetch_some();
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + kTile, 64);
  if constexpr (kBlocks == 2) {
    _tile_stored(2, sums + 2 * kTile, 64);
    _tile_stored(3, sums + 3 * kTile, 64);
  }
}

}  // namespace

LACUNA_TARGET_AMX void pack_rows(const BFloat16* x, std::int64_t stride, std::int64_t count,
                                 std::int64_t depth, BFloat16* packed) {
  for (std::int64_t k = 0; k < depth; k += kTileDepth) {
    __m512i rows[16];
    for (std::int64_t i = 0; i < kTileRows; ++i) {
      rows[i] = i < count ? _mm512_loadu_si512(x + i * stride + k) : _mm512_setzero_si512();
    }
    transpose(rows);
    for (std::int64_t i = 0; i < kTileRows; ++i)
      _mm512_storeu_si512(packed + k * kTileRows + i * 32, rows[i]);
  }
}

LACUNA_TARGET_AMX void multiply_tiles(const TileTask& task) {
  asm volatile("" ::: "memory");  // GCC does not know what tile loads read
  _tile_loadconfig(&kFullTiles);
  constexpr std::int64_t kPairRows = 2 * kTileRows;
  const std::int64_t pairs = (task.rows + kPairRows - 1) / kPairRows;
  WeightFetcher fetcher(task, task.strips * pairs * (task.depth / kTileDepth));
  float* sums = task.sums;
  for (std::int64_t strip = 0; strip < task.strips; ++strip) {
    const BFloat16* const weight = task.weight + strip * kStripFeatures * task.weight_stride;
    for (std::int64_t pair = 0; pair < pairs; ++pair, sums += kPairSums) {
      const BFloat16* const packed = task.packed + 2 * pair * task.packed_stride;
      if (task.rows - pair * kPairRows > kTileRows) {
        multiply_pair<2>(task, weight, packed, sums, fetcher);
      } else {
        multiply_pair<1>(task, weight, packed, sums, fetcher);
      }
    }
  }
  _tile_release();
}

#undef LACUNA_TARGET_AMX

#else

void pack_rows(const BFloat16*, std::int64_t, std::int64_t, std::int64_t, BFloat16*) {}
void multiply_tiles(const TileTask&) {}

#endif

}  // namespace lacuna
