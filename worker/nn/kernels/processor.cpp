#include "worker/nn/kernels/processor.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace lacuna {
namespace {

#if defined(__x86_64__)

// Intel SDM vol. 2A, CPUID leaf 7: EDX bit 22 is AMX-BF16, bit 24 AMX-TILE.
bool has_amx() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr unsigned kAmxBits = (1U << 22U) | (1U << 24U);
  if ((edx & kAmxBits) != kAmxBits) return false;
  // Linux hands out the tiles' 8 KiB of state only to processes that ask (Documentation/arch/x86/xstate.rst).
  constexpr long kRequestPermission = 0x1023;
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

ProductKernel detect() {
  if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512bw")) {
    return ProductKernel::kLibrary;
  }
  return has_amx() ? ProductKernel::kAmx : ProductKernel::kAvx512;
}

#else

ProductKernel detect() {
  return ProductKernel::kLibrary;
}

#endif

ProductKernel limit_by_environment(ProductKernel detected) {
  const char* const value = std::getenv("LACUNA_PRODUCT_KERNEL");
  if (value == nullptr) return detected;
  const std::string_view wanted = value;
  if (wanted == "library") return ProductKernel::kLibrary;
  if (wanted == "avx512") return std::min(detected, ProductKernel::kAvx512);
  return detected;
}

}  // namespace

ProductKernel best_product_kernel() {
  static const ProductKernel kernel = limit_by_environment(detect());
  return kernel;
}

}  // namespace lacuna
