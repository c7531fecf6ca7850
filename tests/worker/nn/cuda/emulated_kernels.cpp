// worker/nn/cuda/kernels.h for tests: the bodies that kernels.cu starts on a GPU, on the grids that they get
// there, with fewer threads a block.
#include <algorithm>
#include <stdexcept>

#include "tests/worker/nn/cuda/emulated_block.h"
#include "worker/nn/cuda/kernels.h"
#include "worker/nn/cuda/start_kernels.h"

namespace lacuna::cuda {
namespace {

// Of most blocks: enough for heads of 128 elements and for the largest group.
constexpr int kFewThreads = 32;

class EmulatedLauncher {
 public:
  // A single block has as many threads as on a GPU.
  template <class Body>
  void run(const Body& body, std::int64_t rows, int columns) {
    int threads = rows * columns == 1 ? Body::kThreads : kFewThreads;
    if constexpr (requires { body.task.head_dim* body.task.group; }) {
      constexpr int kTeam = EmulatedBlock::kTeam;
      threads = std::max(threads, (body.task.head_dim / 4 + kTeam - 1) / kTeam * kTeam);
    }
    if (!run_emulated(body, threads, rows, columns))
      throw std::logic_error("a kernel wrote behind its scratch");
  }
};

}  // namespace

template <class Task>
void launch(const Task& task, Stream /*stream*/) {
  EmulatedLauncher launcher;
  start(task, launcher);
}

LACUNA_INSTANTIATE_LAUNCHES;

}  // namespace lacuna::cuda
