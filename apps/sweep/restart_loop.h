// `lacuna run --restarts N`: starts a job again until it has ended by its own decision. A run is idempotent,
// so that this is all it takes to survive whatever ends a whole job: a rank that dies under mpirun, a node, a
// coordinator that hangs.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "orchestrator/stop_signals.h"

namespace lacuna {

struct RestartOptions {
  std::vector<std::string> command;  // the job: a program (looked up in PATH) and its arguments
  int restarts = 0;                  // after the first start, at most
  // A job under which none of `watched` (files or folders) changes for so long hangs: it is killed and counts
  // as ended. Zero: never.
  std::chrono::milliseconds watchdog{0};
  std::vector<std::filesystem::path> watched;
  std::chrono::milliseconds first_pause{1000};          // before the first restart; doubles up to a minute
  std::function<void(std::string_view)> announce = {};  // gets a line for every restart
  TakeStopSignal take_stop_signal = {};
};

// Runs the job, in a process group of its own, until it exits with one of lacuna's codes for "decided": done,
// bad input, incomplete, interrupted; or until no restart is left. Returns the last exit code (128 + signal
// for a job that was killed). A stop signal is passed on as SIGUSR1, which mpirun forwards to the ranks; the
// job is not started again then, and the code is kInterrupted unless it was done. A second signal kills the
// job. The job gets SIGTERM if this process dies. Throws SystemError if it cannot be started at all.
int run_with_restarts(const RestartOptions& options);

}  // namespace lacuna
