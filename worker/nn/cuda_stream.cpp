// For LibTorch with CUDA; elsewhere absent_cuda_stream.cpp takes its place.
#include <c10/cuda/CUDAStream.h>

#include "worker/nn/kernel_stream.h"

namespace lacuna {

std::optional<cuda::Stream> find_kernel_stream(const at::Device& device) {
  if (!device.is_cuda()) return std::nullopt;
  return c10::cuda::getCurrentCUDAStream(device.index()).stream();
}

}  // namespace lacuna
