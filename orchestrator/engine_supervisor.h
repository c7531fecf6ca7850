// What a worker rank does: it stands between the coordinator and an engine process, passes their messages on,
// and replaces an engine that died or hangs. A crash, an out-of-memory kill or a hang costs the unit that was
// being computed one failure, and likewise one that was being written; the run goes on.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "core/channel.h"
#include "orchestrator/engine_process.h"
#include "orchestrator/stop_signals.h"

namespace lacuna {

using SupervisorTime = std::chrono::steady_clock::time_point;

struct SupervisorOptions {
  // An engine that starts up, computes or writes and says nothing for so long is killed. Zero: never.
  std::chrono::milliseconds heartbeat{0};
  // A coordinator that says nothing for so long is gone. Zero: never.
  std::chrono::milliseconds coordinator_silence{0};
  // Engines that die before they are ready, or cannot do what the first one did (its GPU is gone), one after
  // the other, until the worker gives up.
  int failed_starts = 3;
  // Whether a unit's part is on disk: an engine may die between its commit and saying so.
  std::function<bool(const WorkUnit&)> is_committed = {};
};

// Serves until StopWork, and returns its exit code; nothing if the coordinator fell silent. Both channels are
// used from the calling thread alone. The options follow from the experiment, which StartWork brings:
// `make_options` is asked then. Every engine
// gets the kind of device that the first one found. Stop signals are passed on to the coordinator, who
// decides.
std::optional<ExitCode> supervise_engine(
    WorkerChannel& coordinator, EngineLauncher& launcher,
    const std::function<SupervisorOptions(const StartWork&)>& make_options,
    const TakeStopSignal& take_stop_signal);

}  // namespace lacuna
