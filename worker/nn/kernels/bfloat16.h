// bfloat16 as kernels see it: the upper half of a float32.
#pragma once

#include <bit>
#include <cstdint>

namespace lacuna {

// Same layout as c10::BFloat16; the kernels know no LibTorch.
enum class BFloat16 : std::uint16_t {};

inline float widen(BFloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16U);
}
inline float widen(float value) {
  return value;
}

// Rounds to nearest, ties to even; a NaN stays one.
template <class T>
T narrow_to(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
    return static_cast<BFloat16>(value != value ? std::uint16_t{0x7FC0}
                                                : static_cast<std::uint16_t>(rounded));
  }
}

}  // namespace lacuna
