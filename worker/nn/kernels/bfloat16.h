// bfloat16 as kernels see it: the upper half of a float32.
#pragma once

#include <cstdint>
#include <type_traits>

#include "worker/nn/kernels/host_device.h"

namespace lacuna {

// Same layout as c10::BFloat16; the kernels know no LibTorch.
enum class BFloat16 : std::uint16_t {};

LACUNA_HOST_DEVICE inline float widen(BFloat16 value) {
  return float_of_bits(static_cast<std::uint32_t>(value) << 16U);
}
LACUNA_HOST_DEVICE inline float widen(float value) {
  return value;
}

// Rounds to nearest, ties to even; a NaN stays one.
template <class T>
LACUNA_HOST_DEVICE inline T narrow_to(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    const std::uint32_t bits = bits_of_float(value);
    const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
    return static_cast<BFloat16>(value != value ? std::uint16_t{0x7FC0}
                                                : static_cast<std::uint16_t>(rounded));
  }
}

}  // namespace lacuna
