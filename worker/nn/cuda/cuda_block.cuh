// A block of CUDA threads as the kernels' bodies see it (block.h).
#pragma once

#include "worker/nn/cuda/block.h"

namespace lacuna::cuda {

extern __shared__ float4 shared_scratch[];  // float4: aligned to 16 bytes

class CudaBlock {
 public:
  static constexpr int kTeam = 32;

  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ int threads() const { return static_cast<int>(blockDim.x); }
  __device__ void synchronize() { __syncthreads(); }
  __device__ float* shared() { return reinterpret_cast<float*>(shared_scratch); }

  // Halves are exchanged, then quarters, ...: after five steps every thread of the warp holds the result.
  __device__ float add_over_team(float value) {
    for (int distance = kTeam / 2; distance > 0; distance /= 2)
      value += __shfl_xor_sync(kAll, value, distance);
    return value;
  }
  __device__ float find_largest_of_team(float value) {
    for (int distance = kTeam / 2; distance > 0; distance /= 2)
      value = fmaxf(value, __shfl_xor_sync(kAll, value, distance));
    return value;
  }

 private:
  static constexpr unsigned kAll = 0xFFFFFFFFU;
};

static_assert(KernelBlock<CudaBlock>);

}  // namespace lacuna::cuda
