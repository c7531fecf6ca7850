// How long the processes of a sweep wait for each other, all of it from compute.heartbeat_seconds.
#pragma once

#include <algorithm>
#include <chrono>

#include "core/experiment_config.h"

namespace lacuna {

struct SweepPatience {
  explicit SweepPatience(const ComputeConfig& compute)
      : heartbeat(to_milliseconds(compute.heartbeat_seconds)),
        // The supervisor must have noticed, killed and reported a hung engine before its rank is given up.
        lease(heartbeat + heartbeat / 2 + std::chrono::seconds(5)),
        // The coordinator bundles parts in between; nobody loses anything by waiting for it.
        coordinator_silence(std::max<std::chrono::milliseconds>(lease, std::chrono::seconds(60))),
        grace(to_milliseconds(compute.grace_seconds)) {}

  std::chrono::milliseconds heartbeat;            // of an engine, to its supervisor
  std::chrono::milliseconds lease;                // of a worker, to the coordinator
  std::chrono::milliseconds coordinator_silence;  // of the coordinator, to a worker
  std::chrono::milliseconds grace;                // of units in flight, once a run is to stop

 private:
  static std::chrono::milliseconds to_milliseconds(double seconds) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
  }
};

}  // namespace lacuna
