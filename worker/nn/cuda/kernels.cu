// The kernels' bodies on CUDA's threads. What a body computes and how a task is cut into blocks is in headers
// that the CPU compiles, too, and is tested there; here is only what CUDA alone knows.
#include <cuda_runtime.h>

#include "core/error.h"
#include "worker/nn/cuda/cuda_block.cuh"
#include "worker/nn/cuda/kernels.h"
#include "worker/nn/cuda/start_kernels.h"

namespace lacuna::cuda {
namespace {

template <class Body>
__global__ void __launch_bounds__(Body::kThreads, Body::kBlocks) run_body(const Body body) {
  CudaBlock block;
  body(block, static_cast<std::int64_t>(blockIdx.x), static_cast<int>(blockIdx.y));
}

class CudaLauncher {
 public:
  explicit CudaLauncher(Stream stream) : stream_(stream) {}

  template <class Body>
  void run(const Body& body, std::int64_t rows, int columns) {
    const dim3 grid(static_cast<unsigned>(rows), static_cast<unsigned>(columns));
    const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(body.count_scratch(Body::kThreads));
    run_body<<<grid, Body::kThreads, bytes, stream_>>>(body);
    const cudaError_t error = cudaGetLastError();
    if (error == cudaSuccess) return;
    throw Error(ExitCode::kFailure,
                {.problem = "a CUDA kernel was refused",
                 .why = cudaGetErrorString(error),
                 .suggestion = "LACUNA_CUDA_KERNELS=off computes with LibTorch's operators instead"});
  }

 private:
  Stream stream_;
};

}  // namespace

template <class Task>
void launch(const Task& task, Stream stream) {
  CudaLauncher launcher(stream);
  start(task, launcher);
}

LACUNA_INSTANTIATE_LAUNCHES;

}  // namespace lacuna::cuda
