// Random elements for tests of the kernels.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "worker/nn/kernels/bfloat16.h"

namespace lacuna {

// Normally distributed around 0; the first is aligned to 16 bytes.
template <class T>
std::vector<T> draw(std::int64_t count, unsigned seed, float spread = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<T> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(narrow_to<T>(spread * normal(random)));
  return values;
}

}  // namespace lacuna
