#include "worker/nn/kernels/amx_tiles.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>

#include "worker/nn/kernels/exponential.h"

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

// 16 vectors of 16 x 32 bits: rows become columns.
LACUNA_TARGET_AMX inline void transpose(__m512i (&v)[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  // Now v[4 g + c] holds, in lane l, column 4 l + c of rows 4 g to 4 g + 3.
  for (int c = 0; c < 4; ++c) {
    t[c] = _mm512_shuffle_i32x4(v[c], v[4 + c], 0x88);
    t[4 + c] = _mm512_shuffle_i32x4(v[8 + c], v[12 + c], 0x88);
    t[8 + c] = _mm512_shuffle_i32x4(v[c], v[4 + c], 0xDD);
    t[12 + c] = _mm512_shuffle_i32x4(v[8 + c], v[12 + c], 0xDD);
  }
  for (int c = 0; c < 4; ++c) {
    v[c] = _mm512_shuffle_i32x4(t[c], t[4 + c], 0x88);
    v[8 + c] = _mm512_shuffle_i32x4(t[c], t[4 + c], 0xDD);
    v[4 + c] = _mm512_shuffle_i32x4(t[8 + c], t[12 + c], 0x88);
    v[12 + c] = _mm512_shuffle_i32x4(t[8 + c], t[12 + c], 0xDD);
  }
}

// Fetches a matrix of weights into the second-level cache, a few lines at a time.
class WeightFetcher {
 public:
  // `steps`: calls of fetch_some that there will be.
  WeightFetcher(const TileTask& task, std::int64_t steps)
      : row_(reinterpret_cast<const char*>(task.next_weight)),
        line_(row_),
        row_bytes_(task.weight_stride * 2),
        row_lines_(task.next_depth / kTileDepth),
        left_(task.next_weight == nullptr ? 0 : row_lines_ * kStripFeatures),
        step_lines_((left_ + steps - 1) / steps) {}

  LACUNA_TARGET_AMX void fetch_some() {
    for (std::int64_t count = std::min(step_lines_, left_); count > 0; --count) {
      _mm_prefetch(line_, _MM_HINT_T1);
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
  const char* row_;
  const char* line_;
  std::int64_t row_bytes_;
  std::int64_t row_lines_;
  std::int64_t column_ = 0;
  std::int64_t left_;
  std::int64_t step_lines_;
};

// Of one or two blocks of rows.
template <int kBlocks>
LACUNA_TARGET_AMX inline void multiply_pair(const TileTask& task, const BFloat16* packed, float* sums,
                                            WeightFetcher& fetcher) {
  constexpr std::int64_t kTile = kTileRows * kTileRows;
  const BFloat16* const low = task.weight;
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

LACUNA_TARGET_AMX inline __m512 widen_half(__m256i half) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

// 32 elements plus 32 others, rounded.
LACUNA_TARGET_AMX inline __m512i add_rounded(__m512i x, __m512i y) {
  const __m512 low =
      _mm512_add_ps(widen_half(_mm512_castsi512_si256(x)), widen_half(_mm512_castsi512_si256(y)));
  const __m512 high =
      _mm512_add_ps(widen_half(_mm512_extracti64x4_epi64(x, 1)), widen_half(_mm512_extracti64x4_epi64(y, 1)));
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

// Two features of 16 rows each, rounded, as one vector: the first feature's 16 and the second's.
LACUNA_TARGET_AMX inline __m512i round_features(const float* sums, const BFloat16* bias) {
  __m512 first = _mm512_load_ps(sums);
  __m512 second = _mm512_load_ps(sums + kTileRows);
  if (bias != nullptr) {
    first = _mm512_add_ps(first, _mm512_set1_ps(widen(bias[0])));
    second = _mm512_add_ps(second, _mm512_set1_ps(widen(bias[1])));
  }
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
}

// Row by row the two features of such a vector, side by side.
LACUNA_TARGET_AMX inline __m512i pair_features(__m512i features) {
  alignas(64) static constexpr std::uint16_t kPairs[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kPairs), features);
}

LACUNA_TARGET_AMX inline __m512 activate(__m512 x) {
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, x);
  for (float& lane : lanes) lane = silu(lane);
  return _mm512_load_ps(lanes);
}

// silu(gate) * up, each factor rounded.
LACUNA_TARGET_AMX inline __m512i multiply_gate(__m512i gate, __m512i up) {
  const auto activated =
      reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(activate(widen_half(_mm512_extracti64x4_epi64(gate, 1))),
                                                    activate(widen_half(_mm512_castsi512_si256(gate)))));
  const __m512 low =
      _mm512_mul_ps(widen_half(_mm512_castsi512_si256(activated)), widen_half(_mm512_castsi512_si256(up)));
  const __m512 high = _mm512_mul_ps(widen_half(_mm512_extracti64x4_epi64(activated, 1)),
                                    widen_half(_mm512_extracti64x4_epi64(up, 1)));
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

// The sums [32 features][16] of up to 16 rows from `first_row` on. Two features are rounded into one vector
// and paired row by row, so that one transposition serves all 32.
LACUNA_TARGET_AMX void write_block(const SumsTask& task, std::int64_t first_row, __mmask32 features) {
  const float* const sums = task.sums + first_row * kStripFeatures;
  __m512i columns[16];
  for (std::int64_t pair = 0; pair < kTileRows; ++pair) {
    columns[pair] = pair_features(
        round_features(sums + 2 * pair * kTileRows, task.bias == nullptr ? nullptr : task.bias + 2 * pair));
  }
  transpose(columns);
  const std::int64_t count = std::min(kTileRows, task.rows - first_row);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = first_row + i;
    if (task.addend != nullptr) {
      columns[i] =
          add_rounded(_mm512_maskz_loadu_epi16(features, task.addend + row * task.addend_stride), columns[i]);
    }
    _mm512_mask_storeu_epi16(task.output + row * task.output_stride, features, columns[i]);
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
  WeightFetcher fetcher(task, pairs * (task.depth / kTileDepth));
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const BFloat16* const packed = task.packed + 2 * pair * task.packed_stride;
    float* const sums = task.sums + pair * kPairSums;
    if (task.rows - pair * kPairRows > kTileRows) {
      multiply_pair<2>(task, packed, sums, fetcher);
    } else {
      multiply_pair<1>(task, packed, sums, fetcher);
    }
  }
  _tile_release();
}

LACUNA_TARGET_AMX void write_sums(const SumsTask& task) {
  const auto features = static_cast<__mmask32>(0xFFFFFFFFULL << static_cast<unsigned>(task.first_feature));
  for (std::int64_t row = 0; row < task.rows; row += kTileRows) {
    write_block(task, row, features);
  }
}

LACUNA_TARGET_AMX void write_gated(const GateTask& task) {
  for (std::int64_t row = 0; row < task.rows; row += kTileRows) {
    BFloat16* const packed = task.packed + row / kTileRows * task.packed_stride;
    for (std::int64_t feature = 0; feature < kStripFeatures; feature += 2) {
      const std::int64_t sums = row * kStripFeatures + feature * kTileRows;
      const __m512i gate =
          round_features(task.gate + sums, task.gate_bias == nullptr ? nullptr : task.gate_bias + feature);
      const __m512i up =
          round_features(task.up + sums, task.up_bias == nullptr ? nullptr : task.up_bias + feature);
      _mm512_store_si512(packed + feature * kTileRows, pair_features(multiply_gate(gate, up)));
    }
  }
}

LACUNA_TARGET_AMX void find_largest_sums(const LargestTask& task) {
  for (std::int64_t row = 0; row < task.rows; row += kTileRows) {
    __m512 largest = _mm512_set1_ps(-INFINITY);
    __m512i place = _mm512_setzero_si512();
    const auto compare = [&](__m512 value, std::int64_t feature) LACUNA_TARGET_AMX {
      const __mmask16 is_larger = _mm512_cmp_ps_mask(value, largest, _CMP_GT_OQ);
      largest = _mm512_mask_mov_ps(largest, is_larger, value);
      place = _mm512_mask_set1_epi32(place, is_larger, static_cast<int>(feature));
    };
    for (std::int64_t feature = 0; feature < kStripFeatures; feature += 2) {
      const __m512i both = round_features(task.sums + row * kStripFeatures + feature * kTileRows,
                                          task.bias == nullptr ? nullptr : task.bias + feature);
      compare(widen_half(_mm512_castsi512_si256(both)), feature);
      compare(widen_half(_mm512_extracti64x4_epi64(both, 1)), feature + 1);
    }
    _mm512_storeu_ps(task.values + row, largest);
    _mm512_storeu_si512(task.features + row, place);
  }
}

#undef LACUNA_TARGET_AMX

#else

void pack_rows(const BFloat16*, std::int64_t, std::int64_t, std::int64_t, BFloat16*) {}
void multiply_tiles(const TileTask&) {}
void write_sums(const SumsTask&) {}
void write_gated(const GateTask&) {}
void find_largest_sums(const LargestTask&) {}

#endif

}  // namespace lacuna
