#include "apps/sweep/coordinator_role.h"

#include <fmt/format.h>

#include <exception>

#include "apps/report_error.h"
#include "apps/sweep/run_reporter.h"
#include "apps/sweep/sweep_patience.h"
#include "core/log.h"
#include "orchestrator/stop_signals.h"

namespace lacuna {
namespace {

// The first worker's reason stands for all: usually they are the same.
std::string describe_no_worker(const SweepOutcome& outcome) {
  const std::string reason =
      outcome.failed_workers.empty() ? "" : ": " + outcome.failed_workers.begin()->second.reason;
  return fmt::format("no worker is left to compute {} unit(s){}", outcome.unfinished_units, reason);
}

// What the outcome means, and the sentence for the user: empty if all is well.
struct Verdict {
  ExitCode exit_code = ExitCode::kOk;
  std::string sentence;
};

Verdict judge_outcome(const SweepOutcome& outcome, std::size_t lost_units) {
  constexpr const char* kResume = "what is committed stays, the same command resumes";
  if (outcome.unfinished_units == 0 && lost_units > 0) {
    return {ExitCode::kFailure,
            fmt::format("error: the parts of {} unit(s) were damaged after they were written; {}", lost_units,
                        kResume)};
  }
  if (outcome.unfinished_units == 0) {
    return {outcome.set_aside.empty() ? ExitCode::kOk : ExitCode::kIncomplete, ""};
  }
  if (outcome.storage_failure) {
    return {ExitCode::kFailure, fmt::format("error: {}; {}", *outcome.storage_failure, kResume)};
  }
  if (outcome.stop_signal) {
    return {ExitCode::kInterrupted, fmt::format("stopped by {} with {} unit(s) to go; {}",
                                                *outcome.stop_signal, outcome.unfinished_units, kResume)};
  }
  return {
      outcome.failed_workers.empty() ? ExitCode::kFailure : outcome.failed_workers.begin()->second.exit_code,
      fmt::format("error: {}; {}", describe_no_worker(outcome), kResume)};
}

void announce_run(const OpenedRun& run, std::size_t workers, ProgressPrinter& progress) {
  const std::size_t units = run.manifest.units.size();
  for (const QuarantinedFile& file : run.quarantined) {
    progress.print_line(
        fmt::format("warning: {} is damaged ({}); moved to {}, what it held is computed again",
                    file.file.string(), file.why, file.moved_to.string()));
  }
  if (run.earlier.units > 0) {
    progress.print_line(fmt::format("resuming: {} of {} units are done", run.earlier.units, units));
  }
  progress.print_line(fmt::format("run directory {}: {} units to compute with {} worker(s)",
                                  run.directory.root().string(), run.open_units.size(), workers));
}

CoordinatorOptions make_options(const OpenedRun& run, const SweepPatience& patience, RunReporter& reporter,
                                bool workers_can_be_lost) {
  CoordinatorOptions options;
  if (workers_can_be_lost) options.scheduler.lease = options.startup = patience.lease;
  options.grace = patience.grace;
  options.take_stop_signal = take_stop_signal;
  options.on_tick = [&reporter](const SweepSnapshot& snapshot) { reporter.on_tick(snapshot); };
  options.on_set_aside = [&run](const UnitId& unit, const std::string& reason) {
    record_failed_unit(run.directory, unit, reason);
  };
  options.on_unit_done = [&reporter](const UnitId&) { reporter.on_unit_done(); };
  return options;
}

// The sweep of a run that is open. A failure ends the run; what is committed stays.
Verdict run_units(CoordinatorChannel& channel, const SweepPatience& patience, OpenedRun& run,
                  ProgressPrinter& progress, bool workers_can_be_lost, SweepOutcome& outcome) {
  RunReporter reporter(run);
  try {
    outcome = coordinate(channel, run.start_message(), run.open_units, run.earlier, progress,
                         make_options(run, patience, reporter, workers_can_be_lost));
    record_session(run, outcome);
  } catch (const Error& error) {
    reporter.end(error.exit_code(), error.what());
    throw;
  }
  Verdict verdict = judge_outcome(outcome, reporter.lost_units().size());
  reporter.end(verdict.exit_code, verdict.sentence);
  return verdict;
}

}  // namespace

CoordinatorReport run_coordinator(CoordinatorChannel& channel, const SweepRequest& request,
                                  const InferenceParts& inference, bool workers_can_be_lost) {
  CoordinatorReport report;
  ProgressPrinter progress;
  try {
    const PreparedSweep sweep = prepare_sweep(request, inference);
    for (const std::string& warning : sweep.warnings) progress.print_line("warning: " + warning);
    const auto announce = [&](const std::string& text) { progress.print_line(text); };
    OpenedRun& run = report.run.emplace(open_run(sweep, hash_content(sweep, announce)));
    announce_run(run, channel.workers().size(), progress);
    const Verdict verdict = run_units(channel, SweepPatience(sweep.config.compute), run, progress,
                                      workers_can_be_lost, report.outcome);
    report.exit_code = verdict.exit_code;
    if (!verdict.sentence.empty()) {
      progress.print_line("lacuna: " + verdict.sentence);
      report.run.reset();
    }
  } catch (...) {
    report.run.reset();
    progress.finish();
    report.exit_code = report_error(std::current_exception());
  }
  // A rank that exits with an error ends the job, and rank 0 still has to merge.
  const bool all_end_now = !report.run.has_value();
  stop_workers(channel, all_end_now ? report.exit_code : ExitCode::kOk);
  return report;
}

}  // namespace lacuna
