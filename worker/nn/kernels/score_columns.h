// Scores of 16 queries at a time as tiles leave them, and the weights that softmax makes of them: what
// attention kernels with AMX share. Only for source files that guard it with __x86_64__; to be called only
// where best_product_kernel() is kAmx.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "worker/nn/kernels/amx_tiles.h"
#include "worker/nn/kernels/avx512_vectors.h"
#include "worker/nn/kernels/bfloat16.h"
#include "worker/nn/kernels/exponential.h"

namespace lacuna {

// Two blocks of rows: what two tiles of x hold.
inline constexpr std::int64_t kPairRows = 2 * kTileRows;

struct KeyRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// Scores of 16 rows as tiles leave them: a vector for each key.
class ScoreColumns {
 public:
  // `sums` begin with key `begin`, a multiple of 32; `block` 0 or 1 of the pair.
  ScoreColumns(float* sums, std::int64_t begin, std::int64_t block)
      : first_(sums + block * kTileRows * kStripFeatures), begin_(begin) {}
  // The scores of the 16 rows for `key`.
  [[nodiscard]] float* of(std::int64_t key) const {
    const std::int64_t index = key - begin_;
    return first_ + index / kStripFeatures * kPairSums + index % kStripFeatures * kTileRows;
  }

 private:
  float* first_;
  std::int64_t begin_;
};

// What the 16 rows see.
struct RowLimits {
  __m512i begin, end;
  KeyRange all;  // what every row sees
};

// All rows see the same.
LACUNA_TARGET_AVX512 inline RowLimits limit_all_rows(const KeyRange& visible) {
  return {.begin = _mm512_set1_epi32(static_cast<int>(visible.begin)),
          .end = _mm512_set1_epi32(static_cast<int>(visible.end)),
          .all = visible};
}

LACUNA_TARGET_AVX512 inline __m512 hide_unseen(const RowLimits& limits, std::int64_t key, __m512 score) {
  const __m512i position = _mm512_set1_epi32(static_cast<int>(key));
  const __mmask16 is_before = _mm512_cmplt_epi32_mask(position, limits.begin);
  const __mmask16 is_visible = _mm512_mask_cmplt_epi32_mask(~is_before, position, limits.end);
  return _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), is_visible, score);
}

// Scales the scores of `keys`, an even number of them, each rounded before and after; those that a row may
// not see become -infinity. -> the largest of each row.
LACUNA_TARGET_AVX512 inline __m512 scale_scores(const ScoreColumns& scores, const RowLimits& limits,
                                                const KeyRange& keys, float factor) {
  const __m512 scale = _mm512_set1_ps(factor);
  __m512 largest = _mm512_set1_ps(-INFINITY);
  for (std::int64_t key = keys.begin; key < keys.end; key += 2) {
    const __m512i rounded = round_both(_mm512_load_ps(scores.of(key)), _mm512_load_ps(scores.of(key + 1)));
    const __m512i scaled =
        round_both(_mm512_mul_ps(widen_first(rounded), scale), _mm512_mul_ps(widen_second(rounded), scale));
    __m512 first = widen_first(scaled);
    __m512 second = widen_second(scaled);
    if (key < limits.all.begin || key + 1 >= limits.all.end) {
      first = hide_unseen(limits, key, first);
      second = hide_unseen(limits, key + 1, second);
    }
    largest = _mm512_max_ps(largest, _mm512_max_ps(first, second));
    _mm512_store_ps(scores.of(key), first);
    _mm512_store_ps(scores.of(key + 1), second);
  }
  return largest;
}

// e^(score - largest) in place -> the sum of each row.
LACUNA_TARGET_AVX512 inline __m512 exponentiate_scores(const ScoreColumns& scores, const KeyRange& keys,
                                                       __m512 largest) {
  __m512 sum = _mm512_setzero_ps();
  for (std::int64_t key = keys.begin; key < keys.end; ++key) {
    alignas(64) float lanes[kTileRows];
    _mm512_store_ps(lanes, _mm512_sub_ps(_mm512_load_ps(scores.of(key)), largest));
    for (float& lane : lanes) lane = exponentiate(lane);
    const __m512 power = _mm512_load_ps(lanes);
    sum = _mm512_add_ps(sum, power);
    _mm512_store_ps(scores.of(key), power);
  }
  return sum;
}

// The weights of `keys`, a multiple of 32 of them, from their exponentials: times `share`, rounded, packed as
// pack_rows does -> `packed`.
LACUNA_TARGET_AVX512 inline void pack_weights(const ScoreColumns& exponentials, const KeyRange& keys,
                                              __m512 share, BFloat16* packed) {
  for (std::int64_t key = keys.begin; key < keys.end; key += 2, packed += 2 * kTileRows) {
    const __m512 first = _mm512_mul_ps(_mm512_load_ps(exponentials.of(key)), share);
    const __m512 second = _mm512_mul_ps(_mm512_load_ps(exponentials.of(key + 1)), share);
    _mm512_store_si512(packed, interleave(round_both(first, second)));
  }
}

}  // namespace lacuna
