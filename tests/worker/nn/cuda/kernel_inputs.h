// Random elements for tests of the kernels.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "worker/nn/kernels/bfloat16.h"

namespace lacuna::cuda {

// Normally distributed; the first is aligned to 16 bytes.
template <class T>
std::vector<T> draw(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<T> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(narrow_to<T>(normal(random)));
  return values;
}

// What the largest rounding error of a value of T is relative to the value.
template <class T>
inline constexpr double kHalfUlp = std::is_same_v<T, float> ? 1.0 / (1 << 24) : 1.0 / (1 << 8);

}  // namespace lacuna::cuda
