#include "apps/sweep/sweep_session.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <thread>

#include "analysis/results_table.h"
#include "apps/report_error.h"
#include "apps/sweep/opened_run.h"
#include "core/experiment_json.h"
#include "core/log.h"
#include "orchestrator/coordinator.h"
#include "orchestrator/launch_environment.h"
#include "orchestrator/memory_channel.h"
#include "results/merge.h"
#include "results/part_writer.h"
#include "worker/serve/worker_loop.h"
#ifdef LACUNA_HAS_MPI
#include "orchestrator/mpi_session.h"
#endif

namespace lacuna {
namespace {

// This worker among those of its node.
struct NodePlace {
  std::int64_t local_worker = 0;
  std::int64_t local_workers = 1;
  std::int64_t workers_on_same_cores = 1;
};

// What the coordinator has to say when the workers are gone.
struct CoordinatorReport {
  ExitCode exit_code = ExitCode::kOk;
  std::optional<OpenedRun> run;  // if there is something to merge
  SweepOutcome outcome;
};

// One worker a GPU where there are any, else a share of the node's cores.
WorkerPlace choose_place(const ComputeConfig& compute, const NodePlace& node,
                         const InferenceParts& inference) {
  WorkerPlace place;
  place.threads = compute.threads > 0 ? compute.threads
                                      : share_cores(count_own_cores(), node.workers_on_same_cores,
                                                    read_cpu_quota(), node.local_workers);
  if (compute.device == "cpu") return place;
  const std::int64_t gpus = inference.count_gpus();
  if (gpus > 0) {
    // Modulo: a launcher may show every task only the GPU that it is to use.
    place.device_index = node.local_worker % gpus;
  } else if (compute.device == "cuda") {
    throw InputError({.problem = "compute.device is 'cuda' but this worker sees no GPU",
                      .why = "LibTorch was built without CUDA, or no device is visible on this node",
                      .suggestion = "check nvidia-smi and CUDA_VISIBLE_DEVICES, or use compute.device=auto"});
  }
  return place;
}

MakeWorkerEngine make_engine_factory(const InferenceParts& inference, const NodePlace& node) {
  return [&inference, node](const StartWork& start) {
    const ExperimentConfig config = experiment_from_json(start.experiment_json);
    const WorkerPlace place = choose_place(config.compute, node, inference);
    return WorkerEngine{
        .executor = inference.make_executor(config, place),
        .sink = std::make_unique<PartWriter>(RunDirectory(start.run_directory), config, start.fingerprint),
        .device = inference.describe_device(place),
        .threads = place.threads};
  };
}

// The first worker's reason stands for all: usually they are the same.
void report_no_worker(const SweepOutcome& outcome, ProgressPrinter& progress) {
  const std::string reason =
      outcome.failed_workers.empty() ? "" : ": " + outcome.failed_workers.begin()->second.reason;
  progress.print_line(
      fmt::format("lacuna: error: no worker is left to compute {} unit(s){}; what is committed stays, "
                  "the same command resumes",
                  outcome.unfinished_units, reason));
}

ExitCode judge_outcome(const SweepOutcome& outcome, ProgressPrinter& progress) {
  if (outcome.unfinished_units > 0) {
    report_no_worker(outcome, progress);
    return outcome.failed_workers.empty() ? ExitCode::kFailure
                                          : outcome.failed_workers.begin()->second.exit_code;
  }
  return outcome.set_aside.empty() ? ExitCode::kOk : ExitCode::kIncomplete;
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

// Reads, checks, coordinates. Every failure is printed here, before the workers are let go: a launcher kills
// the remaining ranks as soon as one exits with an error.
CoordinatorReport run_coordinator(CoordinatorChannel& channel, const SweepRequest& request,
                                  const InferenceParts& inference) {
  CoordinatorReport report;
  ProgressPrinter progress;
  try {
    const PreparedSweep sweep = prepare_sweep(request, inference);
    for (const std::string& warning : sweep.warnings) progress.print_line("warning: " + warning);
    const auto announce = [&](const std::string& text) { progress.print_line(text); };
    OpenedRun& run = report.run.emplace(open_run(sweep, hash_content(sweep, announce)));
    announce_run(run, channel.workers().size(), progress);
    CoordinatorOptions options;
    options.on_set_aside = [&](const UnitId& unit, const std::string& reason) {
      record_failed_unit(run.directory, unit, reason);
    };
    report.outcome = coordinate(channel, run.start_message(), run.open_units, run.earlier, progress, options);
    record_session(run, report.outcome);
    report.exit_code = judge_outcome(report.outcome, progress);
    if (report.outcome.unfinished_units > 0) report.run.reset();
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

void finish_run(const CoordinatorReport& report) {
  const bool complete = report.outcome.is_complete();
  const std::filesystem::path store =
      merge_run(report.run->directory, {.allow_incomplete = !complete, .output = {}});
  fmt::print("{}\nstore: {}\n", render_table(store, TableFormat::kMarkdown), store.string());
  std::fflush(stdout);
  log_info("merged into {}", store.string());
  if (!complete) {
    fmt::print(stderr,
               "lacuna: {} unit(s) failed and are missing from the store (see {}); the same command tries "
               "them again\n",
               report.outcome.set_aside.size(), report.run->directory.failures_file().string());
  }
}

// Coordinator and worker in one process: the same code, a channel in memory.
CoordinatorReport run_alone(const SweepRequest& request, const InferenceParts& inference) {
  MemoryLinks links = make_memory_links(1);
  CoordinatorReport report;
  std::thread coordinator([&] { report = run_coordinator(*links.coordinator, request, inference); });
  serve_units(*links.workers.front(), make_engine_factory(inference, NodePlace{}));
  coordinator.join();
  return report;
}

#ifdef LACUNA_HAS_MPI
// On ranks that only compute, the report has nothing but an exit code.
CoordinatorReport run_under_mpi(const SweepRequest& request, const InferenceParts& inference) {
  MpiSession session;
  if (session.size() == 1) return run_alone(request, inference);
  if (session.rank() == 0) {
    const auto channel = session.make_coordinator_channel();
    return run_coordinator(*channel, request, inference);
  }
  const NodePlace node{.local_worker = session.local_worker(),
                       .local_workers = session.local_workers(),
                       .workers_on_same_cores = session.workers_on_same_cores()};
  const auto channel = session.make_worker_channel();
  const ExitCode code = serve_units(*channel, make_engine_factory(inference, node));
  return {.exit_code = code, .run = std::nullopt, .outcome = {}};
}
#endif

CoordinatorReport run_role(const SweepRequest& request, const InferenceParts& inference) {
  if (!is_launched_under_mpi()) return run_alone(request, inference);
#ifdef LACUNA_HAS_MPI
  // MPI ends here, before merging: waiting ranks would burn their cores.
  return run_under_mpi(request, inference);
#else
  throw InputError({.problem = "this lacuna was built without MPI",
                    .suggestion = "start it without mpirun, or build it with -DLACUNA_WITH_MPI=ON"});
#endif
}

}  // namespace

ExitCode run_sweep(const SweepRequest& request, const InferenceParts& inference) {
  const CoordinatorReport report = run_role(request, inference);
  if (report.run) finish_run(report);
  close_log();
  return report.exit_code;
}

}  // namespace lacuna
