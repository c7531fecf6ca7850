// MPI from start to end: the place of this process, and the channel to the coordinator (rank 0) or to the
// workers (all other ranks). Small messages only; nothing collective after the constructor.
#pragma once

#include <cstdint>
#include <memory>

#include "core/channel.h"

namespace lacuna {

class MpiSession {
 public:
  // MPI_Init. Collective: every rank must make one, and only one in its life.
  MpiSession();
  // Waits for messages that are still under way, then MPI_Finalize; returns when all ranks are there. A rank
  // that hangs or is gone makes it wait for ever: see leave_at_once.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  [[nodiscard]] int rank() const;
  [[nodiscard]] int size() const;
  // Position of this worker among those of its node, from 0, in rank order. Rank 0 is no worker, unless
  // alone.
  [[nodiscard]] std::int64_t local_worker() const;
  [[nodiscard]] std::int64_t local_workers() const;
  // Workers of the node, this one included, that may run on exactly the same cores (sched_getaffinity).
  [[nodiscard]] std::int64_t workers_on_same_cores() const;

  // Ends this process without MPI's farewell, which a rank that hangs or is gone would make last for ever;
  // the launcher then ends the others. mpirun returns 1 whatever the code. (MPI_Abort is no way out: with a
  // stopped rank the mpirun of OpenMPI 4.1 crashes.)
  [[noreturn]] static void leave_at_once(int exit_code);

  // Rank 0 of at least 2 ranks. The session must outlive it and be used from the same thread.
  std::unique_ptr<CoordinatorChannel> make_coordinator_channel();
  // The other ranks.
  std::unique_ptr<WorkerChannel> make_worker_channel();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lacuna
