// Where our kernels for a GPU (worker/nn/cuda) are queued.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "worker/nn/cuda/kernels.h"

namespace lacuna {

// LibTorch's current stream of `device` if our kernels run there: it is a GPU, and Lacuna is built with them.
std::optional<cuda::Stream> find_kernel_stream(const at::Device& device);

}  // namespace lacuna
