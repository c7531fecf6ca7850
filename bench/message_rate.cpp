// Units a second that one coordinator hands out over real MPI to workers that do nothing.
// usage: mpirun -n RANKS message_rate [UNITS]
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "orchestrator/coordinator.h"
#include "orchestrator/mpi_session.h"
#include "worker/serve/worker_loop.h"

namespace lacuna {
namespace {

class NoSink : public RecordSink {
 public:
  void begin_unit(const WorkUnit&, std::int64_t) override {}
  void write(const QuestionRecord&) override {}
  void commit_unit() override {}
};

class NoInference : public UnitExecutor {
 public:
  void execute(const WorkUnit& unit, RecordSink& sink) override {
    sink.begin_unit(unit, 1);
    sink.commit_unit();
  }
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void coordinate_units(MpiSession& session, std::int64_t count) {
  std::vector<WorkUnit> units(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    units[static_cast<std::size_t>(i)].id = UnitId(fmt::format("qwen2.5-7b+mmlu+shared+{:07}", i));
    units[static_cast<std::size_t>(i)].question_count = 1;
  }
  const auto channel = session.make_coordinator_channel();
  std::FILE* const nowhere = std::fopen("/dev/null", "w");
  ProgressPrinter progress(nowhere, false);
  const double cpu_before = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  const SweepOutcome outcome = coordinate(
      *channel, {.experiment_json = "{}", .run_directory = "/", .fingerprint = ""}, units, {}, progress);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  stop_workers(*channel, ExitCode::kOk);
  // A unit is four messages: it is handed out, begun, computed, done.
  constexpr double kMessages = 4;
  fmt::print(
      "{} units to {} workers in {:.2f} s: {:.0f} units/s, {:.0f} messages/s, {:.1f} us of the coordinator's "
      "CPU "
      "a message\n",
      outcome.completed_units, session.size() - 1, seconds, static_cast<double>(count) / seconds,
      kMessages * static_cast<double>(count) / seconds,
      1e6 * (cpu_seconds() - cpu_before) / (kMessages * static_cast<double>(count)));
  std::fclose(nowhere);
}

}  // namespace
}  // namespace lacuna

int main(int argc, char** argv) {
  lacuna::MpiSession session;
  if (session.rank() == 0) {
    lacuna::coordinate_units(session, argc > 1 ? std::stoll(argv[1]) : 100'000);
    return 0;
  }
  const auto channel = session.make_worker_channel();
  lacuna::serve_units(*channel, [](const lacuna::StartWork&) {
    return lacuna::WorkerEngine{.executor = std::make_unique<lacuna::NoInference>(),
                                .sink = std::make_unique<lacuna::NoSink>(),
                                .device = "none",
                                .device_kind = "cpu",
                                .threads = 1};
  });
  return 0;
}
