// Runs the units of a sweep on the workers at the other end of a channel: the scheduler's decisions become
// messages, the workers' messages become its events.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/channel.h"
#include "orchestrator/progress.h"
#include "orchestrator/scheduler.h"
#include "orchestrator/stop_signals.h"

namespace lacuna {

// A sweep at one moment, for whoever watches it.
struct SweepSnapshot {
  struct UnitInFlight {
    WorkerId worker;
    UnitId unit;
    std::chrono::duration<double> elapsed{0};  // since it was handed out
  };
  ProgressState progress;
  std::optional<double> questions_per_second;
  std::optional<std::chrono::duration<double>> remaining;
  std::vector<UnitInFlight> in_flight;
  bool is_stopping = false;
  std::string last_error;  // the latest failure of a unit or worker; empty: none
};

struct CoordinatorOptions {
  SchedulerOptions scheduler = {};
  // How long to wait for a message before looking at the clock and at `drain_requested`.
  std::chrono::milliseconds poll{100};
  // Asked often: the name of a signal that came to this process (stop_signals.h). After the first one, of any
  // rank, nothing more is handed out, and the run ends when the units in flight have ended or `grace` is
  // over; after the second it ends at once.
  TakeStopSignal take_stop_signal = {};
  std::chrono::milliseconds grace{60000};
  // A worker that has not come up in that time is taken for lost; zero: never.
  std::chrono::milliseconds startup{0};
  // How often StillHere goes to the workers, and `on_tick` is called (also once at the end).
  std::chrono::milliseconds beat{2000};
  // Called from the coordinator's thread, as the following ones.
  std::function<void(const SweepSnapshot&)> on_tick = {};
  std::function<void(const UnitId&, const std::string& reason)> on_set_aside = {};
  // A worker computes on a kind of device ("cpu", "cuda") that is new to the run.
  std::function<void(const std::string& device_kind)> on_device_kind = {};
  // May return units whose parts were found damaged meanwhile: they are computed again.
  std::function<std::vector<CommitLost>(const UnitId&)> on_unit_done = {};
};

// What earlier sessions of the run have committed, for the people who watch.
struct EarlierWork {
  std::int64_t units = 0;
  std::int64_t questions = 0;
  std::set<std::string> device_kinds = {};  // that they computed on
};

struct SweepOutcome {
  std::int64_t completed_units = 0;                       // by this run
  std::vector<std::pair<UnitId, std::string>> set_aside;  // with the last reason
  std::int64_t unfinished_units = 0;                      // stopped, or no worker was left
  std::optional<std::string> stop_signal;                 // what stopped the run before its end
  std::optional<std::string> storage_failure;             // the run ended because the disk failed
  std::map<WorkerId, WorkerReady> workers;                // those that came up
  std::map<WorkerId, WorkerFailed> failed_workers;        // those that could not work

  [[nodiscard]] bool is_complete() const { return set_aside.empty() && unfinished_units == 0; }
};

// Sends StartWork to every worker, hands out `units`, and returns when all are done or set aside, when no
// worker is left, or when it was stopped. With no units nobody is started. Does not send StopWork: see
// stop_workers.
SweepOutcome coordinate(CoordinatorChannel& channel, const StartWork& start,
                        const std::vector<WorkUnit>& units, const EarlierWork& earlier,
                        ProgressPrinter& progress, const CoordinatorOptions& options = {});

// Lets every worker's process end with that code. A worker with an engine process drops what that computes;
// one that computes itself finishes its unit first. Waits for them to say that they leave, and returns those
// that have not said so in time: they hang or are gone.
std::set<WorkerId> stop_workers(CoordinatorChannel& channel, ExitCode exit_code,
                                std::chrono::milliseconds patience = std::chrono::milliseconds(0));

}  // namespace lacuna
