// On which device a worker computes. Decided once: the numbers of a run belong to a kind of device, and a GPU
// that vanishes must not turn into a CPU unnoticed.
#pragma once

#include <cstdint>
#include <string>

namespace lacuna {

// In the words of compute.device.
inline constexpr const char* kCpuDevice = "cpu";
inline constexpr const char* kCudaDevice = "cuda";

// The CUDA device of a worker, -1 for the CPU. `asked`: compute.device (auto, cpu, cuda). `decided`: the kind
// that this worker, or this run in an earlier session, has computed on; empty: none yet. `local_worker`
// counts the workers of the node, `gpus` what this process sees of its GPUs.
//
// Throws InputError if a GPU is asked for and there is none, SystemError if there was one.
std::int64_t choose_device(const std::string& asked, const std::string& decided, std::int64_t local_worker,
                           std::int64_t gpus);

}  // namespace lacuna
