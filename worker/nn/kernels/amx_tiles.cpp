#include "worker/nn/kernels/amx_tiles.h"

#if defined(__x86_64__)
#include <immintrin.h>
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

// Sums of 32 features and 16 * kBlocks rows, as the tiles leave them: [feature tile][row block][16][16].
using Sums = float[2][2][16][16];

// `ahead`: weights that the next task will want; `lines` cache lines of them are fetched at every step.
template <int kBlocks>
LACUNA_TARGET_AMX void multiply_block(const StripTask& task, const BFloat16* packed, const char* ahead,
                                      std::int64_t lines, Sums& sums) {
  const std::int64_t depth = task.depth;
  const BFloat16* const weight = task.weight;
  const std::int64_t weight_bytes = task.weight_stride * 2;
  const std::int64_t block = depth * kTileRows;
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kBlocks == 2) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (std::int64_t k = 0; k < depth; k += kTileDepth) {
    _tile_loadd(4, weight + k, weight_bytes);
    _tile_loadd(6, packed + k * kTileRows, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, weight + kTileRows * task.weight_stride + k, weight_bytes);
    _tile_dpbf16ps(1, 5, 6);
    if constexpr (kBlocks == 2) {
      _tile_loadd(7, packed + block + k * kTileRows, 64);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
    for (std::int64_t line = 0; line < lines; ++line) _mm_prefetch(ahead + line * 64, _MM_HINT_T1);
    ahead += lines * 64;
  }
  _tile_stored(0, sums[0][0], 64);
  _tile_stored(1, sums[1][0], 64);
  if constexpr (kBlocks == 2) {
    _tile_stored(2, sums[0][1], 64);
    _tile_stored(3, sums[1][1], 64);
  }
}

// Adds the bias, rounds and writes the sums of 32 features and `count` <= 16 rows. Two features are rounded
// into one vector and paired row by row, so that one transposition serves all 32.
LACUNA_TARGET_AMX void write_sums(const float (&low)[16][16], const float (&high)[16][16],
                                  const BFloat16* bias, std::int64_t count, __mmask32 features,
                                  BFloat16* output, std::int64_t stride) {
  // Row r of the first feature beside row r of the second.
  alignas(64) static constexpr std::uint16_t kPairs[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i pairs = _mm512_load_si512(kPairs);
  __m512i columns[16];
  for (std::int64_t pair = 0; pair < kTileRows; ++pair) {
    const float(&sums)[16][16] = pair < 8 ? low : high;
    const std::int64_t feature = pair % 8 * 2;
    __m512 first = _mm512_load_ps(sums[feature]);
    __m512 second = _mm512_load_ps(sums[feature + 1]);
    if (bias != nullptr) {
      first = _mm512_add_ps(first, _mm512_set1_ps(widen(bias[2 * pair])));
      second = _mm512_add_ps(second, _mm512_set1_ps(widen(bias[2 * pair + 1])));
    }
    const auto rounded = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
    columns[pair] = _mm512_permutexvar_epi16(pairs, rounded);
  }
  transpose(columns);
  for (std::int64_t row = 0; row < count; ++row) {
    _mm512_mask_storeu_epi16(output + row * stride, features, columns[row]);
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

LACUNA_TARGET_AMX void multiply_strip(const StripTask& task) {
  asm volatile("" ::: "memory");  // GCC does not know what tile loads read
  _tile_loadconfig(&kFullTiles);
  const std::int64_t pairs = (task.rows + 2 * kTileRows - 1) / (2 * kTileRows);
  // The strip behind this one, spread over the steps of all pairs: depth lines in pairs * depth / 32 steps.
  const std::int64_t lines = std::max<std::int64_t>(1, kStripFeatures / pairs);
  const char* ahead = reinterpret_cast<const char*>(task.weight + kStripFeatures * task.weight_stride);
  const auto features = static_cast<__mmask32>(0xFFFFFFFFULL << static_cast<unsigned>(task.first_feature));
  alignas(64) Sums sums;
  for (std::int64_t row = 0; row < task.rows; row += 2 * kTileRows) {
    const BFloat16* const packed = task.packed + row * task.depth;
    const std::int64_t count = std::min(2 * kTileRows, task.rows - row);
    if (count > kTileRows) {
      multiply_block<2>(task, packed, ahead, lines, sums);
    } else {
      multiply_block<1>(task, packed, ahead, lines, sums);
    }
    ahead += lines * 64 * (task.depth / kTileDepth);
    for (std::int64_t block = 0; block * kTileRows < count; ++block) {
      write_sums(sums[0][block], sums[1][block], task.bias, std::min(kTileRows, count - block * kTileRows),
                 features, task.output + (row + block * kTileRows) * task.output_stride, task.output_stride);
    }
  }
  _tile_release();
}

#undef LACUNA_TARGET_AMX

#else

void pack_rows(const BFloat16*, std::int64_t, std::int64_t, std::int64_t, BFloat16*) {}
void multiply_strip(const StripTask&) {}

#endif

}  // namespace lacuna
