// Coordinator and workers in one process: each end is used by its own thread. Messages pass through their
// wire form, as they do everywhere.
#pragma once

#include <memory>
#include <vector>

#include "core/channel.h"

namespace lacuna {

struct MemoryLinks {
  std::unique_ptr<CoordinatorChannel> coordinator;
  // Worker i has the id i + 1, as rank 0 is the coordinator under MPI.
  std::vector<std::unique_ptr<WorkerChannel>> workers;
};

MemoryLinks make_memory_links(int workers);

}  // namespace lacuna
