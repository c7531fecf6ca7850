// What tests of the bodies have in common.
#pragma once

#include <type_traits>

#include "tests/worker/nn/drawn_elements.h"

namespace lacuna::cuda {

// What the largest rounding error of a value of T is relative to the value.
template <class T>
inline constexpr double kHalfUlp = std::is_same_v<T, float> ? 1.0 / (1 << 24) : 1.0 / (1 << 8);

}  // namespace lacuna::cuda
