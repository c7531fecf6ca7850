#include "worker/nn/kernels/avx512_dots.h"

#if defined(__x86_64__)
#include "worker/nn/kernels/avx512_vectors.h"
#endif

namespace lacuna {

#if defined(__x86_64__)

namespace {

constexpr std::int64_t kVector = 32;           // elements of a register
constexpr std::int64_t kPrefetchBytes = 1024;  // best of 256 to 16384 for one sequential stream

template <int kRows>
LACUNA_TARGET_AVX512 void multiply(const DotTask& task) {
  for (std::int64_t feature = 0; feature < task.features; ++feature) {
    const BFloat16* const weight = task.weight + feature * task.weight_stride;
    __m512 sums[kRows];
    for (int row = 0; row < kRows; ++row) sums[row] = _mm512_setzero_ps();
    for (std::int64_t k = 0; k < task.depth; k += kVector) {
      _mm_prefetch(reinterpret_cast<const char*>(weight + k) + kPrefetchBytes, _MM_HINT_T0);
      const auto w = reinterpret_cast<__m512bh>(_mm512_loadu_si512(weight + k));
      for (int row = 0; row < kRows; ++row) {
        const auto x = reinterpret_cast<__m512bh>(_mm512_loadu_si512(task.x + row * task.x_stride + k));
        sums[row] = _mm512_dpbf16_ps(sums[row], w, x);
      }
    }
    const float offset = task.bias == nullptr ? 0.0F : widen(task.bias[feature]);
    for (int row = 0; row < kRows; ++row) {
      BFloat16 product = narrow_to<BFloat16>(_mm512_reduce_add_ps(sums[row]) + offset);
      if (task.addend != nullptr) {
        product =
            narrow_to<BFloat16>(widen(task.addend[row * task.addend_stride + feature]) + widen(product));
      }
      task.output[row * task.output_stride + feature] = product;
    }
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
