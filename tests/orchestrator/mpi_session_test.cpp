// The MPI channel under mpirun with 3 ranks: rank 0 coordinates, the others compute with a fake executor.
#include "orchestrator/mpi_session.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <string>

#include "orchestrator/coordinator.h"
#include "tests/orchestrator/fake_worker.h"

namespace lacuna {
namespace {

using testing::CommittedUnits;
using testing::make_fake_engine;
using testing::make_units;

constexpr int kUnits = 300;
// Far above MPI's eager limit: a send must return although nobody receives.
constexpr std::size_t kLargeText = 3'000'000;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void coordinate_all(MpiSession& session) {
  const auto channel = session.make_coordinator_channel();
  ASSERT_EQ(channel->workers(), (std::vector<WorkerId>{WorkerId(1), WorkerId(2)}));
  std::FILE* const output = std::tmpfile();
  ProgressPrinter progress(output, false);
  const StartWork start{
      .experiment_json = std::string(kLargeText, 'x'), .run_directory = "/nowhere", .fingerprint = "f"};
  const SweepOutcome outcome = coordinate(*channel, start, make_units(0, kUnits), {}, progress);
  EXPECT_EQ(outcome.completed_units, kUnits - 1);
  ASSERT_EQ(outcome.set_aside.size(), 1U);
  EXPECT_EQ(outcome.set_aside.front().first, UnitId("m0u7"));
  EXPECT_EQ(outcome.workers.size(), 2U);

  // Waiting burns no core.
  const double before = cpu_seconds();
  const auto start_time = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - start_time < std::chrono::seconds(1)) {
    EXPECT_FALSE(channel->receive(std::chrono::milliseconds(250)).has_value());
  }
  EXPECT_LT(cpu_seconds() - before, 0.3);
  stop_workers(*channel, ExitCode::kIncomplete);
  std::fclose(output);
}

void work(MpiSession& session) {
  EXPECT_EQ(session.local_workers(), 2);
  EXPECT_EQ(session.local_worker(), session.rank() - 1);
  EXPECT_GE(session.workers_on_same_cores(), 1);
  CommittedUnits committed;
  std::size_t text_size = 0;
  const MakeWorkerEngine engine = [&](const StartWork& start) {
    text_size = start.experiment_json.size();
    return make_fake_engine(committed, [](const WorkUnit& unit) {
      if (unit.id == UnitId("m0u7")) throw std::runtime_error("poison");
    })(start);
  };
  const auto channel = session.make_worker_channel();
  EXPECT_EQ(serve_units(*channel, engine), ExitCode::kIncomplete);
  EXPECT_EQ(text_size, kLargeText);
  EXPECT_FALSE(committed.counts().empty()) << "every worker got something to do";
}

TEST(MpiSession, ThreeRanksRunASweep) {
  MpiSession session;
  ASSERT_EQ(session.size(), 3) << "run this under mpirun -n 3";
  if (session.rank() == 0) {
    coordinate_all(session);
  } else {
    work(session);
  }
}

}  // namespace
}  // namespace lacuna
