// Where there is no CUDA: functions that nobody calls, since nobody gets a stream.
#include <stdexcept>

#include "worker/nn/cuda/kernels.h"

namespace lacuna::cuda {

template <class Task>
void launch(const Task& /*task*/, Stream /*stream*/) {
  throw std::logic_error("a CUDA kernel in a build without CUDA");
}

LACUNA_INSTANTIATE_LAUNCHES;

}  // namespace lacuna::cuda
