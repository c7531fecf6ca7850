#include "apps/sweep/sweep_session.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "analysis/results_table.h"
#include "apps/report_error.h"
#include "apps/sweep/coordinator_role.h"
#include "apps/sweep/run_pulse.h"
#include "apps/sweep/worker_role.h"
#include "core/log.h"
#include "orchestrator/launch_environment.h"
#include "orchestrator/memory_channel.h"
#include "orchestrator/stop_signals.h"
#include "results/merge.h"
#ifdef LACUNA_HAS_MPI
#include "orchestrator/mpi_session.h"
#endif

namespace lacuna {
namespace {

void merge_and_print(const CoordinatorReport& report) {
  const bool complete = report.outcome.is_complete();
  const std::filesystem::path store =
      merge_run(report.run->directory, {.allow_incomplete = !complete,
                                        .output = {},
                                        .keep_alive = make_run_pulse(report.run->directory.root())});
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

// What is left to do when the workers are gone. Failures are printed; returns the process's exit code.
ExitCode finish(const CoordinatorReport& report) {
  ExitCode code = report.exit_code;
  if (report.run) {
    std::string error;
    try {
      merge_and_print(report);
    } catch (const std::exception& failure) {
      error = failure.what();
      code = report_error(std::current_exception());
      // A part that was damaged after its commit is no bad input: the same command computes it again.
      if (code == ExitCode::kBadInput) code = ExitCode::kFailure;
    }
    report.reporter->end(code, error);
  }
  close_log();
  return code;
}

// Whatever a worker throws is a defect that must not leave the others waiting.
template <class Serve>
ExitCode serve_or_die(const Serve& serve) {
  try {
    return serve();
  } catch (...) {
    const ExitCode code = report_error(std::current_exception());
    close_log();
    std::_Exit(static_cast<int>(code));
  }
}

// Coordinator and worker in one process: the same code, a channel in memory.
ExitCode run_alone(const SweepRequest& request, const InferenceParts& inference) {
  const bool inside = request.engine != EnginePlacement::kProcess;
  MemoryLinks links = make_memory_links(1);
  CoordinatorReport report;
  std::thread coordinator([&] {
    report = run_coordinator(*links.coordinator, request, inference, !inside);
    if (!inside || report.exit_code != ExitCode::kInterrupted) return;
    // The worker may be in the middle of a unit for long, and nobody waits for that.
    close_log();
    std::_Exit(static_cast<int>(report.exit_code));
  });
  serve_or_die([&] {
    WorkerChannel& channel = *links.workers.front();
    if (inside) return serve_inside(channel, NodePlace{}, inference);
    return serve_with_engine_process(channel, NodePlace{}).value_or(ExitCode::kFailure);
  });
  coordinator.join();
  return finish(report);
}

#ifdef LACUNA_HAS_MPI
ExitCode run_as_worker_rank(MpiSession& session, const SweepRequest& request,
                            const InferenceParts& inference) {
  const NodePlace node{.local_worker = session.local_worker(),
                       .local_workers = session.local_workers(),
                       .workers_on_same_cores = session.workers_on_same_cores()};
  const auto channel = session.make_worker_channel();
  return serve_or_die([&] {
    if (request.engine == EnginePlacement::kInside) return serve_inside(*channel, node, inference);
    const std::optional<ExitCode> code = serve_with_engine_process(*channel, node);
    if (!code) MpiSession::leave_at_once(static_cast<int>(ExitCode::kFailure));
    return *code;
  });
}

ExitCode run_under_mpi(const SweepRequest& request, const InferenceParts& inference) {
  std::optional<MpiSession> session(std::in_place);
  if (session->size() == 1) return run_alone(request, inference);
  if (session->rank() != 0) return run_as_worker_rank(*session, request, inference);
  const auto channel = session->make_coordinator_channel();
  const CoordinatorReport report =
      run_coordinator(*channel, request, inference, /*workers_can_be_lost=*/true);
  if (report.absent_workers.empty()) {
    session.reset();  // before merging: waiting ranks would burn their cores
    return finish(report);
  }
  // A rank that hangs or is gone would hang MPI's own farewell.
  const ExitCode code = finish(report);
  MpiSession::leave_at_once(static_cast<int>(code));
}
#endif

}  // namespace

ExitCode run_sweep(const SweepRequest& request, const InferenceParts& inference) {
  catch_stop_signals();
  if (!is_launched_under_mpi()) return run_alone(request, inference);
#ifdef LACUNA_HAS_MPI
  return run_under_mpi(request, inference);
#else
  throw InputError({.problem = "this lacuna was built without MPI",
                    .suggestion = "start it without mpirun, or build it with -DLACUNA_WITH_MPI=ON"});
#endif
}

}  // namespace lacuna
