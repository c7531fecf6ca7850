#include "apps/sweep/coordinator_role.h"

#include <fmt/format.h>

#include <exception>

#include "apps/report_error.h"
#include "apps/sweep/run_pulse.h"
#include "apps/sweep/sweep_patience.h"
#include "core/log.h"
#include "orchestrator/stop_signals.h"

namespace lacuna {
namespace {

// A supervisor gives its engine five seconds to end.
constexpr std::chrono::seconds kFarewell{15};

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

Verdict judge_outcome(const SweepOutcome& outcome) {
  constexpr const char* kResume = "what is committed stays, the same command resumes";
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
  // If nobody ever worked, their reason (no such GPU, say) is that of the run.
  const bool nobody_worked = outcome.workers.empty() && !outcome.failed_workers.empty();
  return {nobody_worked ? outcome.failed_workers.begin()->second.exit_code : ExitCode::kFailure,
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

CoordinatorOptions make_options(OpenedRun& run, const SweepPatience& patience, RunReporter& reporter,
                                bool workers_can_be_lost) {
  CoordinatorOptions options;
  if (workers_can_be_lost) options.scheduler.lease = options.startup = patience.lease;
  options.grace = patience.grace;
  options.take_stop_signal = take_stop_signal;
  options.on_tick = [&reporter](const SweepSnapshot& snapshot) { reporter.on_tick(snapshot); };
  options.on_set_aside = [&run](const UnitId& unit, const std::string& reason) {
    record_failed_unit(run.directory, unit, reason);
  };
  options.on_device_kind = [&run](const std::string& kind) { record_device_kind(run, kind); };
  options.on_unit_done = [&reporter](const UnitId&) { return reporter.on_unit_done(); };
  return options;
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
    const nlohmann::json content = hash_content(sweep, announce, make_run_pulse(sweep.config.output));
    report.run = std::make_unique<OpenedRun>(open_run(sweep, content));
    announce_run(*report.run, channel.workers().size(), progress);
    report.reporter = std::make_unique<RunReporter>(*report.run);
    report.outcome = coordinate(channel, report.run->start_message(), report.run->open_units,
                                report.run->earlier, progress,
                                make_options(*report.run, SweepPatience(sweep.config.compute),
                                             *report.reporter, workers_can_be_lost));
    record_session(*report.run, report.outcome);
    const Verdict verdict = judge_outcome(report.outcome);
    report.exit_code = verdict.exit_code;
    if (!verdict.sentence.empty()) {
      progress.print_line("lacuna: " + verdict.sentence);
      report.reporter->end(verdict.exit_code, verdict.sentence);
      report.reporter.reset();
      report.run.reset();
    }
  } catch (...) {
    progress.finish();
    report.exit_code = report_error(std::current_exception());
    if (report.reporter) report.reporter->end(report.exit_code, "see the log");
    report.reporter.reset();
    report.run.reset();
  }
  // A rank that exits with an error ends the job, and rank 0 still has to merge.
  const bool all_end_now = !report.run;
  report.absent_workers = stop_workers(channel, all_end_now ? report.exit_code : ExitCode::kOk,
                                       workers_can_be_lost ? kFarewell : std::chrono::milliseconds(0));
  return report;
}

}  // namespace lacuna
