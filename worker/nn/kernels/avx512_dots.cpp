#include "worker/nn/kernels/avx512_dots.h"

#if defined(__x86_64__)
#include "worker/nn/kernels/avx512_vectors.h"
#endif

namespace lacuna {

#if defined(__x86_64__)

namespace {

constexpr std::int64_t kVector = 32;           // elements of a register
constexpr std::int64_t kPrefetchBytes = 1024;  // best of 256 to 16384

LACUNA_TARGET_AVX512 void write_product(const DotTask& task, std::int64_t row, std::int64_t feature,
                                        __m512 sums) {
  const float offset = task.bias == nullptr ? 0.0F : widen(task.bias[feature]);
  BFloat16 product = narrow_to<BFloat16>(_mm512_reduce_add_ps(sums) + offset);
  if (task.addend != nullptr) {
    product = narrow_to<BFloat16>(widen(task.addend[row * task.addend_stride + feature]) + widen(product));
  }
  task.output[row * task.output_stride + feature] = product;
}

// What x there is to a depth is read once for all features.
template <int kRows, int kFeatures, int kVectors>
LACUNA_TARGET_AVX512 inline void add_products(const BFloat16* weight, std::int64_t weight_step,
                                              const BFloat16* rows, std::int64_t row_stride,
                                              __m512 (&sums)[kFeatures][kRows]) {
  __m512bh x[kRows][kVectors];
  for (int row = 0; row < kRows; ++row) {
    for (int i = 0; i < kVectors; ++i) {
      x[row][i] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(rows + row * row_stride + i * kVector));
    }
  }
  for (int feature = 0; feature < kFeatures; ++feature) {
    for (int i = 0; i < kVectors; ++i) {
      const BFloat16* const place = weight + feature * weight_step + i * kVector;
      _mm_prefetch(reinterpret_cast<const char*>(place) + kPrefetchBytes, _MM_HINT_T0);
      const auto w = reinterpret_cast<__m512bh>(_mm512_loadu_si512(place));
      for (int row = 0; row < kRows; ++row) {
        sums[feature][row] = _mm512_dpbf16_ps(sums[feature][row], w, x[row][i]);
      }
    }
  }
}

// Features first, first + step, ...: so many sums that none waits for the one before it, and places so far
// apart that the processor fetches from several pages at a time. Two cache lines at each place before the
// next one: 3 % faster than one or four.
template <int kRows, int kFeatures>
LACUNA_TARGET_AVX512 inline void multiply_features(const DotTask& task, std::int64_t first,
                                                   std::int64_t step) {
  constexpr int kVectors = kRows <= 4 ? 2 : 1;  // what the registers hold
  const BFloat16* const weight = task.weight + first * task.weight_stride;
  const std::int64_t weight_step = step * task.weight_stride;
  __m512 sums[kFeatures][kRows];
  for (auto& feature : sums) {
    for (__m512& sum : feature) sum = _mm512_setzero_ps();
  }
  std::int64_t k = 0;
  for (; k + kVectors * kVector <= task.depth; k += kVectors * kVector) {
    add_products<kRows, kFeatures, kVectors>(weight + k, weight_step, task.x + k, task.x_stride, sums);
  }
  if (k < task.depth) {
    add_products<kRows, kFeatures, 1>(weight + k, weight_step, task.x + k, task.x_stride, sums);
  }
  for (int feature = 0; feature < kFeatures; ++feature) {
    for (int row = 0; row < kRows; ++row) {
      write_product(task, row, first + feature * step, sums[feature][row]);
    }
  }
}

template <int kRows>
LACUNA_TARGET_AVX512 void multiply(const DotTask& task) {
  constexpr int kFeatures = kRows <= 4 ? 4 : 2;  // what the registers hold
  const std::int64_t step = task.features / kFeatures;
  for (std::int64_t feature = 0; feature < step; ++feature) {
    multiply_features<kRows, kFeatures>(task, feature, step);
  }
  for (std::int64_t feature = kFeatures * step; feature < task.features; ++feature) {
    multiply_features<kRows, 1>(task, feature, 1);
  }
}

}  // namespace

void multiply_by_dots(const DotTask& task) {
  switch (task.rows) {
    case 1:
      return multiply<1>(task);
    case 2:
      return multiply<2>(task);
    case 3:
      return multiply<3>(task);
    case 4:
      return multiply<4>(task);
    case 5:
      return multiply<5>(task);
    case 6:
      return multiply<6>(task);
    case 7:
      return multiply<7>(task);
    default:
      return multiply<8>(task);
  }
}

#else

void multiply_by_dots(const DotTask&) {}

#endif

}  // namespace lacuna
