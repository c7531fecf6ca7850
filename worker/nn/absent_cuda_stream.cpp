// For LibTorch without CUDA.
#include "worker/nn/kernel_stream.h"

namespace lacuna {

std::optional<cuda::Stream> find_kernel_stream(const at::Device& /*device*/) {
  return std::nullopt;
}

}  // namespace lacuna
