// The device that tensors live on and products are computed on.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace lacuna {

// CUDA devices that LibTorch sees here.
std::int64_t count_gpus();

// CUDA device `cuda_index`, or the CPU if that is negative. Whoever computes gets the device from here: from
// then on float32 products are computed in float32 on every device of this process, whatever the environment
// says (TensorFloat-32 keeps 10 bits, and norms of its products would decide otherwise). Throws InputError if
// there is no such device.
at::Device open_device(std::int64_t cuda_index);

// `values` as an int64 tensor on `device`. The host does not wait for a GPU to finish what was queued before.
at::Tensor to_device(const std::vector<std::int64_t>& values, const at::Device& device);

}  // namespace lacuna
