// Runs the units of a sweep on the workers at the other end of a channel: the scheduler's decisions become
// messages, the workers' messages become its events.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/channel.h"
#include "orchestrator/progress.h"
#include "orchestrator/scheduler.h"

namespace lacuna {

struct CoordinatorOptions {
  SchedulerOptions scheduler = {};
  // How long to wait for a message before looking at the clock and at `drain_requested`.
  std::chrono::milliseconds poll{100};
  // Asked often; once true nothing more is handed out, and the run ends when the units in flight have ended.
  std::function<bool()> drain_requested = {};
  // Called for every unit that is given up, from the coordinator's thread.
  std::function<void(const UnitId&, const std::string& reason)> on_set_aside = {};
};

// Units and questions that earlier runs have committed, for the progress display.
struct EarlierWork {
  std::int64_t units = 0;
  std::int64_t questions = 0;
};

struct SweepOutcome {
  std::int64_t completed_units = 0;                       // by this run
  std::vector<std::pair<UnitId, std::string>> set_aside;  // with the last reason
  std::int64_t unfinished_units = 0;                      // drained, or no worker was left
  std::map<WorkerId, WorkerReady> workers;                // those that came up
  std::map<WorkerId, WorkerFailed> failed_workers;        // those that could not work

  [[nodiscard]] bool is_complete() const { return set_aside.empty() && unfinished_units == 0; }
};

// Sends StartWork to every worker, hands out `units`, and returns when all are done or set aside, when no
// worker is left, or when draining has ended. With no units nobody is started. Does not send StopWork: see
// stop_workers.
SweepOutcome coordinate(CoordinatorChannel& channel, const StartWork& start,
                        const std::vector<WorkUnit>& units, const EarlierWork& earlier,
                        ProgressPrinter& progress, const CoordinatorOptions& options = {});

// Lets every worker's process end with that code, as soon as it has finished what it computes.
void stop_workers(CoordinatorChannel& channel, ExitCode exit_code);

}  // namespace lacuna
