#include "apps/sweep/device_choice.h"

#include "core/error.h"

namespace lacuna {

std::int64_t choose_device(const std::string& asked, const std::string& decided, std::int64_t local_worker,
                           std::int64_t gpus) {
  if (asked == kCpuDevice || decided == kCpuDevice) return -1;
  // Modulo: a launcher may show every task only the GPU that it is to use.
  if (gpus > 0) return local_worker % gpus;
  if (decided == kCudaDevice) {
    throw SystemError(
        {.problem = "this worker sees no GPU any more",
         .why = "the run has computed on GPUs, and the CPU's numbers would differ in their last bits",
         .suggestion = "check nvidia-smi and CUDA_VISIBLE_DEVICES and start the same command again, or "
                       "compute on the CPU in another directory (output=... compute.device=cpu)"});
  }
  if (asked == kCudaDevice) {
    throw InputError({.problem = "compute.device is 'cuda' but this worker sees no GPU",
                      .why = "LibTorch was built without CUDA, or no device is visible on this node",
                      .suggestion = "check nvidia-smi and CUDA_VISIBLE_DEVICES, or use compute.device=auto"});
  }
  return -1;
}

}  // namespace lacuna
