// Starts the kernels for a GPU. Without CUDA launch() is there and throws: nobody gets a stream then
// (worker/nn/kernel_stream.h).
#pragma once

#include "worker/nn/cuda/tasks.h"
#include "worker/nn/kernels/bfloat16.h"

struct CUstream_st;

namespace lacuna::cuda {

// CUDA's cudaStream_t, without its headers.
using Stream = CUstream_st*;

// Queues a task of tasks.h, of float or BFloat16, on a stream of the current device. Its pointers are that
// device's, it has at least one row, and a DecodeTask is_decodable (start_kernels.h). Throws Error if CUDA
// refuses.
template <class Task>
void launch(const Task& task, Stream stream);

// For the files that define launch(): every task that there is.
#define LACUNA_INSTANTIATE_LAUNCH(Task)             \
  template void launch(const Task<float>&, Stream); \
  template void launch(const Task<::lacuna::BFloat16>&, Stream)
#define LACUNA_INSTANTIATE_LAUNCHES         \
  LACUNA_INSTANTIATE_LAUNCH(NormalizeTask); \
  LACUNA_INSTANTIATE_LAUNCH(MeasureTask);   \
  LACUNA_INSTANTIATE_LAUNCH(RotateTask);    \
  LACUNA_INSTANTIATE_LAUNCH(GateTask);      \
  LACUNA_INSTANTIATE_LAUNCH(DecodeTask)

}  // namespace lacuna::cuda
