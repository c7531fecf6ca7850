// Coordinator and real worker loops over the in-memory channel.
#include "orchestrator/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "core/error.h"
#include "orchestrator/memory_channel.h"
#include "tests/orchestrator/fake_worker.h"

namespace lacuna {
namespace {

using testing::CommittedUnits;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::join;
using testing::make_fake_engine;
using testing::make_units;
using ::testing::Pair;

// Runs units with one thread for each engine; everything printed goes to a scratch file.
class CoordinatorTest : public ::testing::Test {
 protected:
  SweepOutcome run(const std::vector<WorkUnit>& units, const std::vector<MakeWorkerEngine>& engines,
                   const CoordinatorOptions& options = {}, const EarlierWork& earlier = {}) {
    MemoryLinks links = make_memory_links(static_cast<int>(engines.size()));
    std::vector<std::thread> threads;
    exit_codes.assign(engines.size(), ExitCode::kFailure);
    for (std::size_t i = 0; i < engines.size(); ++i) {
      threads.emplace_back([&, i] { exit_codes[i] = serve_units(*links.workers[i], engines[i]); });
    }
    ProgressPrinter progress(output, false);
    SweepOutcome outcome = coordinate(*links.coordinator, start, units, earlier, progress, options);
    stop_workers(*links.coordinator, ExitCode::kIncomplete);
    for (std::thread& thread : threads) thread.join();
    return outcome;
  }

  std::string printed() const {
    std::rewind(output);
    std::string text(4096, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), output));
    return text;
  }

  void TearDown() override { std::fclose(output); }

  StartWork start{.experiment_json = "{}", .run_directory = "/nowhere", .fingerprint = "f"};
  CommittedUnits committed;
  std::vector<ExitCode> exit_codes;
  std::FILE* output = std::tmpfile();
};

TEST_F(CoordinatorTest, EveryUnitIsDoneOnce) {
  const auto units = join(make_units(0, 40), make_units(1, 25));
  const MakeWorkerEngine engine = make_fake_engine(committed);
  const SweepOutcome outcome = run(units, {engine, engine, engine});
  EXPECT_TRUE(outcome.is_complete());
  EXPECT_EQ(outcome.completed_units, 65);
  // A worker that comes late on a busy machine finds nothing left to do.
  EXPECT_THAT(outcome.workers.size(), ::testing::AllOf(::testing::Ge(1U), ::testing::Le(3U)));
  const auto counts = committed.counts();
  EXPECT_EQ(counts.size(), 65U);
  for (const auto& [unit, times] : counts) EXPECT_EQ(times, 1) << unit.value();
  EXPECT_THAT(exit_codes, ::testing::Each(ExitCode::kIncomplete)) << "StopWork's code";
  EXPECT_THAT(printed(), HasSubstr("100 %, 260/260 questions"));
}

TEST_F(CoordinatorTest, NoUnitsStartNobody) {
  std::atomic<int> started = 0;
  const MakeWorkerEngine engine = [&](const StartWork&) -> WorkerEngine {
    ++started;
    throw std::logic_error("must not start");
  };
  EXPECT_TRUE(run({}, {engine, engine}).is_complete());
  EXPECT_EQ(started, 0);
}

TEST_F(CoordinatorTest, AUnitThatAlwaysFailsIsSetAsideWithItsReason) {
  const MakeWorkerEngine engine = make_fake_engine(committed, [](const WorkUnit& unit) {
    if (unit.id == UnitId("m0u3")) throw InputError({.problem = "tensor is NaN", .why = "layer 3"});
  });
  std::vector<std::string> reported;
  CoordinatorOptions options;
  options.on_set_aside = [&](const UnitId& unit, const std::string& reason) {
    reported.push_back(unit.value() + ": " + reason);
  };
  const SweepOutcome outcome = run(make_units(0, 8), {engine, engine}, options);
  EXPECT_THAT(outcome.set_aside, ElementsAre(Pair(UnitId("m0u3"), "tensor is NaN: layer 3")));
  EXPECT_THAT(reported, ElementsAre("m0u3: tensor is NaN: layer 3"));
  EXPECT_EQ(outcome.completed_units, 7);
  EXPECT_EQ(committed.counts().size(), 7U);
  EXPECT_THAT(printed(), HasSubstr("unit m0u3 failed too often and is set aside: tensor is NaN: layer 3"));
}

TEST_F(CoordinatorTest, UnitsWhosePartsWereDamagedAreComputedAgain) {
  const auto units = make_units(0, 6);
  const WorkUnit earlier = make_units(1, 1).front();  // committed by an earlier run
  CoordinatorOptions options;
  int completions = 0;
  options.on_unit_done = [&](const UnitId&) -> std::vector<CommitLost> {
    if (++completions != 6) return {};  // as late as can be: nothing else would be left to do
    return {{.unit = units[2], .reason = "a flipped bit"}, {.unit = earlier, .reason = "cut short"}};
  };
  SweepSnapshot last;
  options.on_tick = [&](const SweepSnapshot& snapshot) { last = snapshot; };
  const MakeWorkerEngine engine = make_fake_engine(committed);
  const SweepOutcome outcome =
      run(units, {engine, engine}, options, {.units = 3, .questions = 3 * earlier.question_count});
  EXPECT_TRUE(outcome.is_complete());
  EXPECT_EQ(completions, 8);
  EXPECT_EQ(outcome.completed_units, 7) << "six, and one of the earlier run's";
  EXPECT_EQ(committed.counts().at(units[2].id), 2);
  EXPECT_EQ(committed.counts().at(earlier.id), 1);
  EXPECT_EQ(committed.counts().at(units[3].id), 1);
  EXPECT_THAT(printed(), HasSubstr("unit m0u2 failed and will be tried again: a flipped bit"));
  EXPECT_EQ(last.progress.units_done, 9);
  EXPECT_EQ(last.progress.units_total, 9);
  EXPECT_EQ(last.progress.questions_done, last.progress.questions_total);
}

TEST_F(CoordinatorTest, AWorkerThatCannotStartDoesNotStopTheOthers) {
  std::atomic<bool> has_failed = false;
  const MakeWorkerEngine good = make_fake_engine(committed, [&](const WorkUnit&) {
    while (!has_failed) std::this_thread::yield();
  });
  const MakeWorkerEngine bad = [&](const StartWork&) -> WorkerEngine {
    has_failed = true;
    throw InputError({.problem = "no GPU here"});
  };
  // Enough units for the failure to be heard of before the end.
  const SweepOutcome outcome = run(make_units(0, 500), {bad, good});
  EXPECT_TRUE(outcome.is_complete());
  EXPECT_EQ(outcome.failed_workers.size(), 1U);
  EXPECT_THAT(printed(), HasSubstr("worker 1 failed: no GPU here"));
}

TEST_F(CoordinatorTest, IfNoWorkerStartsTheRunEnds) {
  const MakeWorkerEngine bad = [](const StartWork&) -> WorkerEngine {
    throw InputError({.problem = "no GPU here"});
  };
  const SweepOutcome outcome = run(make_units(0, 10), {bad, bad});
  EXPECT_EQ(outcome.unfinished_units, 10);
  ASSERT_EQ(outcome.failed_workers.size(), 2U);
  EXPECT_EQ(outcome.failed_workers.begin()->second.exit_code, ExitCode::kBadInput);
  EXPECT_FALSE(outcome.is_complete());
}

TEST_F(CoordinatorTest, AStopSignalEndsTheRunAfterWhatIsInFlight) {
  std::atomic<bool> stop = false;
  const MakeWorkerEngine engine = make_fake_engine(committed, [&](const WorkUnit& unit) {
    if (unit.id == UnitId("m0u2")) stop = true;
  });
  CoordinatorOptions options;
  options.take_stop_signal = [&]() -> std::optional<std::string> {
    if (stop.exchange(false)) return "SIGUSR1";
    return std::nullopt;
  };
  const SweepOutcome outcome = run(make_units(0, 2000), {engine}, options);
  EXPECT_EQ(outcome.stop_signal, "SIGUSR1");
  EXPECT_GT(outcome.unfinished_units, 0);
  EXPECT_GE(outcome.completed_units, 3);
  EXPECT_EQ(outcome.completed_units + outcome.unfinished_units, 2000);
  EXPECT_EQ(static_cast<std::int64_t>(committed.counts().size()), outcome.completed_units);
  EXPECT_THAT(outcome.set_aside, IsEmpty());
}

TEST_F(CoordinatorTest, AfterTheGraceTimeUnitsInFlightAreLeftAlone) {
  std::atomic<bool> release = false;
  std::atomic<bool> stop = false;
  const MakeWorkerEngine engine = make_fake_engine(committed, [&](const WorkUnit&) {
    stop = true;
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  CoordinatorOptions options;
  options.grace = std::chrono::milliseconds(50);
  options.poll = std::chrono::milliseconds(5);
  options.take_stop_signal = [&]() -> std::optional<std::string> {
    if (stop.exchange(false)) return "SIGTERM";
    return std::nullopt;
  };
  MemoryLinks links = make_memory_links(1);
  std::thread worker([&] { serve_units(*links.workers[0], engine); });
  ProgressPrinter progress(output, false);
  const SweepOutcome outcome = coordinate(*links.coordinator, start, make_units(0, 3), {}, progress, options);
  EXPECT_EQ(outcome.unfinished_units, 3);
  release = true;
  stop_workers(*links.coordinator, ExitCode::kInterrupted);
  worker.join();
}

TEST_F(CoordinatorTest, AFailingDiskStopsTheRunAndNoUnitIsBlamed) {
  const MakeWorkerEngine engine = make_fake_engine(committed, [](const WorkUnit& unit) {
    if (unit.id == UnitId("m0u1")) throw StorageError("write", "/runs/p", ENOSPC);
  });
  const SweepOutcome outcome = run(make_units(0, 50), {engine});
  ASSERT_TRUE(outcome.storage_failure.has_value());
  EXPECT_THAT(*outcome.storage_failure, HasSubstr("No space left on device"));
  EXPECT_GT(outcome.unfinished_units, 0);
  EXPECT_THAT(outcome.set_aside, IsEmpty());
}

TEST_F(CoordinatorTest, WorkersThatDoNotSayGoodbyeAreNamed) {
  MemoryLinks links = make_memory_links(2);
  const MakeWorkerEngine engine = make_fake_engine(committed);
  std::thread worker([&] { serve_units(*links.workers[0], engine); });  // nobody serves the second one
  EXPECT_THAT(stop_workers(*links.coordinator, ExitCode::kOk, std::chrono::milliseconds(200)),
              ElementsAre(WorkerId(2)));
  worker.join();
}

// The coordinator's fake workers are "cpu" ones.
TEST_F(CoordinatorTest, ARunThatMixesKindsOfDevicesSaysSo) {
  const MakeWorkerEngine engine = make_fake_engine(committed);
  std::vector<std::string> kinds;
  CoordinatorOptions options;
  options.on_device_kind = [&](const std::string& kind) { kinds.push_back(kind); };
  run(make_units(0, 3), {engine}, options, {.units = 1, .questions = 4, .device_kinds = {"cuda"}});
  EXPECT_THAT(kinds, ElementsAre("cpu"));
  EXPECT_THAT(printed(), HasSubstr("computes on fake, 1 threads"));
  EXPECT_THAT(printed(), HasSubstr("warning: other numbers of this run come from cuda"));
}

TEST_F(CoordinatorTest, ARunOnOneKindOfDeviceIsNotWarnedOf) {
  const MakeWorkerEngine engine = make_fake_engine(committed);
  CoordinatorOptions options;
  options.on_device_kind = [](const std::string& kind) { ADD_FAILURE() << kind << " is not new"; };
  run(make_units(0, 3), {engine, engine}, options, {.units = 1, .questions = 4, .device_kinds = {"cpu"}});
  EXPECT_THAT(printed(), ::testing::Not(HasSubstr("warning")));
}

TEST_F(CoordinatorTest, WorkersThatNeverComeUpAreGivenUp) {
  MemoryLinks links = make_memory_links(2);  // nobody serves them
  CoordinatorOptions options;
  options.startup = std::chrono::milliseconds(50);
  options.beat = std::chrono::milliseconds(10);
  options.poll = std::chrono::milliseconds(5);
  int ticks = 0;
  options.on_tick = [&](const SweepSnapshot& snapshot) {
    ++ticks;
    EXPECT_EQ(snapshot.progress.units_total, 3);
  };
  ProgressPrinter progress(output, false);
  const SweepOutcome outcome = coordinate(*links.coordinator, start, make_units(0, 3), {}, progress, options);
  EXPECT_EQ(outcome.unfinished_units, 3);
  EXPECT_EQ(outcome.failed_workers.size(), 2U);
  EXPECT_GT(ticks, 1);
}

}  // namespace
}  // namespace lacuna
