#include "apps/sweep/run_reporter.h"

#include <fmt/format.h>

#include "core/log.h"
#include "orchestrator/work_plan.h"

namespace lacuna {
namespace {

RunState to_state(ExitCode code) {
  switch (code) {
    case ExitCode::kOk:
      return RunState::kFinished;
    case ExitCode::kIncomplete:
      return RunState::kIncomplete;
    case ExitCode::kInterrupted:
      return RunState::kInterrupted;
    default:
      return RunState::kFailed;
  }
}

}  // namespace

RunReporter::RunReporter(const OpenedRun& run) : run_(run) {
  status_.state = RunState::kPreparing;
  status_.units_done = run.earlier.units;
  status_.units_total = static_cast<std::int64_t>(run.manifest.units.size());
  status_.questions_done = run.earlier.questions;
  status_.questions_total = count_questions(run.manifest.units);
  write_run_status(run_.directory, status_);
}

void RunReporter::on_tick(const SweepSnapshot& snapshot) {
  const ProgressState& progress = snapshot.progress;
  status_.state = snapshot.is_stopping ? RunState::kStopping : RunState::kRunning;
  status_.units_done = progress.units_done;
  status_.units_failed = progress.units_failed;
  status_.questions_done = progress.questions_done;
  status_.questions_per_second = snapshot.questions_per_second.value_or(0);
  status_.eta_seconds.reset();
  if (snapshot.remaining) status_.eta_seconds = snapshot.remaining->count();
  status_.workers = progress.workers;
  status_.in_flight.clear();
  for (const SweepSnapshot::UnitInFlight& unit : snapshot.in_flight) {
    status_.in_flight.push_back({.worker = unit.worker, .unit = unit.unit, .seconds = unit.elapsed.count()});
  }
  status_.last_error = snapshot.last_error;
  write_run_status(run_.directory, status_);
}

std::vector<CommitLost> RunReporter::on_unit_done() {
  if (++units_since_bundling_ < bundling_.parts) return {};
  units_since_bundling_ = 0;
  BundlingOutcome outcome;
  try {
    outcome = bundle_parts(run_.directory, run_.manifest, bundling_);
  } catch (const StorageError& error) {
    log_warning("parts stay loose: {}", error.what());  // bundles only save files
  }
  log_quarantined(outcome.quarantined);
  std::vector<CommitLost> lost;
  for (std::size_t i = 0; i < outcome.lost_units.size(); ++i) {
    const QuarantinedFile& file = outcome.quarantined.at(i);
    lost.push_back({.unit = outcome.lost_units[i],
                    .reason = fmt::format("its part was damaged after it was written ({}); moved to {}",
                                          file.why, file.moved_to.string())});
  }
  return lost;
}

void RunReporter::end(ExitCode exit_code, const std::string& error) {
  status_.state = to_state(exit_code);
  status_.in_flight.clear();
  status_.workers = 0;
  status_.eta_seconds.reset();
  if (!error.empty()) status_.last_error = error;
  write_run_status(run_.directory, status_);
}

}  // namespace lacuna
