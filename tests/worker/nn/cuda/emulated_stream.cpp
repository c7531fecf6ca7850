// worker/nn/kernel_stream.h for tests: tensors on the CPU go to the emulated kernels, which need no stream.
#include "worker/nn/kernel_stream.h"

namespace lacuna {

std::optional<cuda::Stream> find_kernel_stream(const at::Device& device) {
  if (!device.is_cpu()) return std::nullopt;
  return cuda::Stream{nullptr};
}

}  // namespace lacuna
