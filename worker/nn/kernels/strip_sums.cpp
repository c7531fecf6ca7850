#include "worker/nn/kernels/strip_sums.h"

#if defined(__x86_64__)
#include "worker/nn/kernels/avx512_vectors.h"
#endif

#include <algorithm>
#include <cmath>

#include "worker/nn/kernels/exponential.h"

namespace lacuna {

#if defined(__x86_64__)

namespace {

// Two features of 16 rows each, rounded, as one vector: the first feature's 16 and the second's.
LACUNA_TARGET_AVX512 inline __m512i round_features(const float* sums, const BFloat16* bias) {
  __m512 first = _mm512_load_ps(sums);
  __m512 second = _mm512_load_ps(sums + kTileRows);
  if (bias != nullptr) {
    first = _mm512_add_ps(first, _mm512_set1_ps(widen(bias[0])));
    second = _mm512_add_ps(second, _mm512_set1_ps(widen(bias[1])));
  }
  return round_both(first, second);
}

LACUNA_TARGET_AVX512 inline __m512 activate(__m512 x) {
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, x);
  for (float& lane : lanes) lane = silu(lane);
  return _mm512_load_ps(lanes);
}

// silu(gate) * up, each factor rounded.
LACUNA_TARGET_AVX512 inline __m512i multiply_gate(__m512i gate, __m512i up) {
  const __m512i activated = round_both(activate(widen_first(gate)), activate(widen_second(gate)));
  return round_both(_mm512_mul_ps(widen_first(activated), widen_first(up)),
                    _mm512_mul_ps(widen_second(activated), widen_second(up)));
}

// The sums [32 features][16] of up to 16 rows from `first_row` on. Two features are rounded into one vector
// and paired row by row, so that one transposition serves all 32.
LACUNA_TARGET_AVX512 void write_block(const SumsTask& task, std::int64_t first_row, __mmask32 features) {
  const float* const sums = task.sums + first_row * kStripFeatures;
  __m512i columns[16];
  for (std::int64_t pair = 0; pair < kTileRows; ++pair) {
    columns[pair] = interleave(
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

LACUNA_TARGET_AVX512 void write_sums(const SumsTask& task) {
  const auto features = static_cast<__mmask32>(0xFFFFFFFFULL << static_cast<unsigned>(task.first_feature));
  for (std::int64_t row = 0; row < task.rows; row += kTileRows) {
    write_block(task, row, features);
  }
}

LACUNA_TARGET_AVX512 void write_gated(const GateTask& task) {
  for (std::int64_t row = 0; row < task.rows; row += kTileRows) {
    BFloat16* const packed = task.packed + row / kTileRows * task.packed_stride;
    for (std::int64_t feature = 0; feature < kStripFeatures; feature += 2) {
      const std::int64_t sums = row * kStripFeatures + feature * kTileRows;
      const __m512i gate =
          round_features(task.gate + sums, task.gate_bias == nullptr ? nullptr : task.gate_bias + feature);
      const __m512i up =
          round_features(task.up + sums, task.up_bias == nullptr ? nullptr : task.up_bias + feature);
      _mm512_store_si512(packed + feature * kTileRows, interleave(multiply_gate(gate, up)));
    }
  }
}

LACUNA_TARGET_AVX512 void find_largest_sums(const LargestTask& task) {
  for (std::int64_t row = 0; row < task.rows; row += kTileRows) {
    __m512 largest = _mm512_set1_ps(-INFINITY);
    __m512i place = _mm512_setzero_si512();
    const auto compare = [&](__m512 value, std::int64_t feature) LACUNA_TARGET_AVX512 {
      const __mmask16 is_larger = _mm512_cmp_ps_mask(value, largest, _CMP_GT_OQ);
      largest = _mm512_mask_mov_ps(largest, is_larger, value);
      place = _mm512_mask_set1_epi32(place, is_larger, static_cast<int>(feature));
    };
    for (std::int64_t feature = 0; feature < kStripFeatures; feature += 2) {
      const __m512i both = round_features(task.sums + row * kStripFeatures + feature * kTileRows,
                                          task.bias == nullptr ? nullptr : task.bias + feature);
      compare(widen_first(both), feature);
      compare(widen_second(both), feature + 1);
    }
    _mm512_storeu_ps(task.values + row, largest);
    _mm512_storeu_si512(task.features + row, place);
  }
}

#else

void write_sums(const SumsTask&) {}
void write_gated(const GateTask&) {}
void find_largest_sums(const LargestTask&) {}

#endif

}  // namespace lacuna
