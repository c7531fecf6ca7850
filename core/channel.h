// The link between the coordinator and its workers: MPI, memory (one process, tests), a socket to an engine.
//
// Messages between the same two ends arrive in order. An end is used from one thread.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "core/ids.h"
#include "core/messages.h"

namespace lacuna {

struct FromWorker {
  WorkerId worker;
  WorkerMessage message;
};

class CoordinatorChannel {
 public:
  virtual ~CoordinatorChannel() = default;
  [[nodiscard]] virtual std::vector<WorkerId> workers() const = 0;
  // Does not wait for the worker to receive it.
  virtual void send(WorkerId worker, const CoordinatorMessage& message) = 0;
  // The next message of any worker, or nothing if none came in that time. Waiting burns no core.
  virtual std::optional<FromWorker> receive(std::chrono::milliseconds timeout) = 0;
};

class WorkerChannel {
 public:
  virtual ~WorkerChannel() = default;
  // Does not wait for the coordinator to receive it.
  virtual void send(const WorkerMessage& message) = 0;
  // As above.
  virtual std::optional<CoordinatorMessage> receive(std::chrono::milliseconds timeout) = 0;
};

}  // namespace lacuna
