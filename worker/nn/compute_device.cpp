#include "worker/nn/compute_device.h"

#include <fmt/format.h>

#include "core/error.h"

namespace lacuna {

std::int64_t count_gpus() {
  return at::hasCUDA() ? static_cast<std::int64_t>(at::getNumGPUs()) : 0;
}

at::Device open_device(std::int64_t cuda_index) {
  at::globalContext().setFloat32MatmulPrecision("highest");
  if (cuda_index < 0) return at::kCPU;
  if (cuda_index >= count_gpus()) {
    throw InputError(
        {.problem =
             cuda_index == 0 ? std::string("no CUDA device") : fmt::format("no CUDA device {}", cuda_index),
         .why = at::hasCUDA() ? fmt::format("LibTorch sees {} here", count_gpus())
                              : std::string("none is here, its driver is missing, or LibTorch has no CUDA"),
         .suggestion = "check nvidia-smi and CUDA_VISIBLE_DEVICES, or compute on the CPU"});
  }
  return {at::kCUDA, static_cast<c10::DeviceIndex>(cuda_index)};
}

at::Tensor to_device(const std::vector<std::int64_t>& values, const at::Device& device) {
  // Memory that is not pinned is copied aside before the call returns, so the temporary may go.
  return at::tensor(values, at::TensorOptions().dtype(at::kLong))
      .to(device, at::kLong, /*non_blocking=*/true);
}

}  // namespace lacuna
