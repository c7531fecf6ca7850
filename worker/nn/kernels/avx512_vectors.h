// What the AVX512 kernels share. Only for source files that guard it with __x86_64__; to be called only where
// best_product_kernel() is not kLibrary.
#pragma once

#include <immintrin.h>

#include <cstdint>

#define LACUNA_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

namespace lacuna {

// 16 vectors of 16 x 32 bits: rows become columns.
LACUNA_TARGET_AVX512 inline void transpose(__m512i (&v)[16]) {
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

// 16 bfloat16 values, widened.
LACUNA_TARGET_AVX512 inline __m512 widen_half(__m256i half) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

// Two vectors, rounded to bfloat16: the first one's 16 values, then the second one's.
LACUNA_TARGET_AVX512 inline __m512i round_both(__m512 first, __m512 second) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
}

// The first and the second 16 of 32 bfloat16 values.
LACUNA_TARGET_AVX512 inline __m512 widen_first(__m512i values) {
  return widen_half(_mm512_castsi512_si256(values));
}
LACUNA_TARGET_AVX512 inline __m512 widen_second(__m512i values) {
  return widen_half(_mm512_extracti64x4_epi64(values, 1));
}

// 32 elements plus 32 others, rounded.
LACUNA_TARGET_AVX512 inline __m512i add_rounded(__m512i x, __m512i y) {
  return round_both(_mm512_add_ps(widen_first(x), widen_first(y)),
                    _mm512_add_ps(widen_second(x), widen_second(y)));
}

// 16 values and 16 others of such a vector, side by side: first, first of the others, second, ...
LACUNA_TARGET_AVX512 inline __m512i interleave(__m512i both) {
  alignas(64) static constexpr std::uint16_t kPairs[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kPairs), both);
}

}  // namespace lacuna
