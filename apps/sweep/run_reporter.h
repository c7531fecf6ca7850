// Keeps a run directory in order while its sweep runs: the status file for people, bundles instead of many
// parts.
#pragma once

#include <string>
#include <vector>

#include "apps/sweep/opened_run.h"
#include "core/error.h"
#include "orchestrator/coordinator.h"
#include "results/part_bundling.h"
#include "results/run_status.h"

namespace lacuna {

class RunReporter {
 public:
  // `run` outlives the reporter. Writes a first status.
  explicit RunReporter(const OpenedRun& run);

  void on_tick(const SweepSnapshot& snapshot);
  // Bundles after every so many units. Returns those whose parts it found damaged and moved away.
  std::vector<CommitLost> on_unit_done();
  // The last status, when there is a store or it is known that there will be none.
  void end(ExitCode exit_code, const std::string& error);

 private:
  const OpenedRun& run_;
  const BundlingOptions bundling_ = BundlingOptions::from_environment();
  RunStatus status_;
  std::int64_t units_since_bundling_ = 0;
};

}  // namespace lacuna
