// What the processor can do beyond the instruction set that the program is compiled for.
#pragma once

#include <cstdint>

namespace lacuna {

// How products in bfloat16 are computed on the CPU, from slow to fast.
enum class ProductKernel : std::uint8_t {
  kLibrary,  // LibTorch's own
  kAvx512,   // ours for few rows, with AVX512-BF16
  kAmx,      // ours for any number of rows, with AMX tiles; for very few with AVX512-BF16
};

// The fastest that this processor and operating system allow. The environment variable LACUNA_PRODUCT_KERNEL
// (library, avx512, amx) lowers it, for tests and comparisons. Asked once per process.
ProductKernel best_product_kernel();

}  // namespace lacuna
