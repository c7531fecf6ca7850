// Neighbouring elements that are read and written in one go.
#pragma once

#include <cstdint>

#include "worker/nn/kernels/bfloat16.h"

namespace lacuna::cuda {

// What a thread of a GPU moves at once.
inline constexpr int kVectorBytes = 16;

// Elements of T in a vector.
template <class T>
inline constexpr int kVectorOf = kVectorBytes / static_cast<int>(sizeof(T));

template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Packed {
  T elements[kCount];
};

// `from` is aligned as the vector is.
template <int kCount, class T>
LACUNA_HOST_DEVICE inline Packed<T, kCount> load_packed(const T* from) {
  return *reinterpret_cast<const Packed<T, kCount>*>(from);
}

template <int kCount, class T>
LACUNA_HOST_DEVICE inline void store_packed(T* to, const Packed<T, kCount>& values) {
  *reinterpret_cast<Packed<T, kCount>*>(to) = values;
}

// a * b rounded to float32, even where a sum follows: the operators round there, nvcc would not.
LACUNA_HOST_DEVICE inline float multiply_rounded(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

// Whether rows of `width` elements, `stride` elements apart, consist of whole vectors.
template <class T>
bool is_vectorizable(const T* rows, std::int64_t stride, std::int64_t width) {
  return reinterpret_cast<std::uintptr_t>(rows) % kVectorBytes == 0 && stride % kVectorOf<T> == 0 &&
         width % kVectorOf<T> == 0;
}

}  // namespace lacuna::cuda
