// What the coordinating process does while there are workers: reads, checks, hands out, watches.
#pragma once

#include <memory>
#include <set>

#include "apps/sweep/inference_parts.h"
#include "apps/sweep/opened_run.h"
#include "apps/sweep/run_reporter.h"
#include "core/channel.h"
#include "core/error.h"
#include "orchestrator/coordinator.h"

namespace lacuna {

// What there is to do when the workers are gone.
struct CoordinatorReport {
  ExitCode exit_code = ExitCode::kOk;
  std::unique_ptr<OpenedRun> run;         // if there is something to merge
  std::unique_ptr<RunReporter> reporter;  // of that run: to be told its end
  SweepOutcome outcome;
  std::set<WorkerId> absent_workers;  // hang or are gone: they do not take part in MPI's farewell
};

// Runs the sweep over the channel and tells the workers to stop. Every failure is printed here, before they
// are let go: a launcher kills the remaining ranks as soon as one exits with an error. `workers_can_be_lost`:
// they are processes of their own, so silence means something.
CoordinatorReport run_coordinator(CoordinatorChannel& channel, const SweepRequest& request,
                                  const InferenceParts& inference, bool workers_can_be_lost);

}  // namespace lacuna
