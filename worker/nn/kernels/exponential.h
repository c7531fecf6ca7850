// e^x and what layers make of it, for loops that the compiler turns into vector code: compiled into each
// kernel for its own processors.
#pragma once

#include <bit>
#include <cstdint>

namespace lacuna {

// Into functions for every processor: a call would leave the vector registers.
#define LACUNA_INLINE inline __attribute__((always_inline))

// e^x for x <= 0, relative error below 2e-7; 0 below -87. x = n ln 2 + r, e^r by its series up to r^6.
LACUNA_INLINE float exponentiate(float x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRounding = 12582912.0F;  // 1.5 * 2^23: adding it leaves an integer in the low bits
  const float clamped = x < -87.0F ? -87.0F : x;
  const float shifted = clamped * kLog2E + kRounding;
  const float n = shifted - kRounding;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  float series = 1.0F / 720.0F;
  series = series * r + 1.0F / 120.0F;
  series = series * r + 1.0F / 24.0F;
  series = series * r + 1.0F / 6.0F;
  series = series * r + 0.5F;
  series = series * r + 1.0F;
  series = series * r + 1.0F;
  const std::uint32_t exponent =
      (std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kRounding)) << 23U;
  const float value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(series) + exponent);
  return x < -87.0F ? 0.0F : value;
}

// x / (1 + e^-x), without an overflow for either sign.
LACUNA_INLINE float silu(float x) {
  const float small = exponentiate(x < 0.0F ? x : -x);  // e^-|x|
  return (x < 0.0F ? x * small : x) / (1.0F + small);
}

}  // namespace lacuna
