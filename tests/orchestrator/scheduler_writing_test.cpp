// A worker that writes one unit while it computes the next.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/orchestrator/fake_worker.h"
#include "tests/orchestrator/scheduler_play.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kA;
using testing::kB;
using testing::make_units;
using testing::Play;

TEST(SchedulerWriting, AWorkerComputesTheNextUnitWhileItWrites) {
  Play play(make_units(0, 2));
  play.join_in(kA);
  const AssignUnit first = play.compute(kA);
  EXPECT_EQ(play.at(kA), "m0u1");
  EXPECT_THAT(play.completed, IsEmpty()) << "nothing is durable yet";
  const AssignUnit second = play.compute(kA);
  EXPECT_EQ(play.at(kA), "");
  play.commit(first);
  EXPECT_FALSE(play.scheduler.is_finished());
  play.commit(second);
  EXPECT_THAT(play.completed, ElementsAre("m0u0", "m0u1"));
  EXPECT_TRUE(play.scheduler.is_finished());
}

TEST(SchedulerWriting, OneUnitAtATimeIsWritten) {
  Play play(make_units(0, 3));
  play.join_in(kA);
  const AssignUnit first = play.compute(kA);
  const AssignUnit second = play.compute(kA);
  EXPECT_EQ(play.at(kA), "") << "it has not written the first one";
  play.commit(first);
  EXPECT_EQ(play.at(kA), "");
  play.commit(second);
  EXPECT_EQ(play.at(kA), "m0u2");
}

TEST(SchedulerWriting, ALostWorkerHasFailedBoth) {
  Play play(make_units(0, 2));
  play.join_in(kA);
  const AssignUnit first = play.compute(kA);
  play.tell(WorkerLost{kA, "gone"});
  EXPECT_TRUE(play.scheduler.is_idle());
  play.join_in(kB);
  EXPECT_EQ(play.at(kB), "m0u1");
  play.succeed(kB);
  EXPECT_EQ(play.at(kB), "m0u0");
  // What it committed after all counts, once.
  play.commit(first);
  play.succeed(kB);
  EXPECT_THAT(play.completed, ElementsAre("m0u1", "m0u0"));
  EXPECT_TRUE(play.scheduler.is_finished());
}

// Or a unit that kills its workers could have others set aside that are written meanwhile.
TEST(SchedulerWriting, AUnitThatFailedIsAloneWithItsWorker) {
  Play play(make_units(0, 3));
  play.join_in(kA);
  play.compute(kA);                   // m0u0
  play.tell(WorkerLost{kA, "gone"});  // and m0u1
  play.join_in(kA);
  EXPECT_EQ(play.at(kA), "m0u2");
  const AssignUnit fresh = play.compute(kA);
  EXPECT_EQ(play.at(kA), "") << "a failed unit waits until nothing is being written";
  play.commit(fresh);
  ASSERT_NE(play.at(kA), "");
  const AssignUnit failed = play.compute(kA);
  EXPECT_EQ(play.at(kA), "") << "nor is another one computed while it is written";
  play.commit(failed);
  ASSERT_NE(play.at(kA), "");
  play.succeed(kA);
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_THAT(play.set_aside, IsEmpty());
}

TEST(SchedulerWriting, AWriteThatFailsIsTheUnitsFailure) {
  Play play(make_units(0, 2));
  play.join_in(kA);
  const AssignUnit first = play.compute(kA);
  play.tell(LeaseFailed{kA, first.unit.id, first.lease, "broken"});
  EXPECT_EQ(play.at(kA), "m0u1") << "what it computes is not concerned";
  play.succeed(kA);
  EXPECT_EQ(play.at(kA), "m0u0");
  play.succeed(kA);
  EXPECT_THAT(play.completed, ElementsAre("m0u1", "m0u0"));
}

TEST(SchedulerWriting, APartThatWasLostBeforeItsCommitIsToldIsComputedAgain) {
  Play play(make_units(0, 2));
  play.join_in(kA);
  const AssignUnit first = play.compute(kA);
  play.tell(CommitLost{first.unit, "damaged"});  // found by bundling, on the disk
  EXPECT_THAT(play.completed, IsEmpty());
  play.commit(first);
  EXPECT_THAT(play.completed, ElementsAre("m0u0"));
  EXPECT_THAT(play.reopened, ElementsAre("m0u0"));
  play.succeed(kA);
  EXPECT_EQ(play.at(kA), "m0u0");
  play.succeed(kA);
  EXPECT_THAT(play.completed, ElementsAre("m0u0", "m0u1", "m0u0"));
  EXPECT_TRUE(play.scheduler.is_finished());
}

TEST(SchedulerWriting, AUnitWhosePartsWereLostIsAloneWithItsWorker) {
  Play play(make_units(0, 2));
  play.join_in(kA);
  const AssignUnit first = play.take(kA);
  play.commit(first);
  play.tell(CommitLost{first.unit, "damaged"});
  play.succeed(kA);
  ASSERT_EQ(play.at(kA), "m0u0");
  play.compute(kA);
  play.tell(WorkerLost{kA, "gone"});
  play.join_in(kA);
  play.succeed(kA);
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_THAT(play.set_aside, IsEmpty());
}

TEST(SchedulerWriting, ADiskThatFailsChargesNobody) {
  Play play(make_units(0, 1));
  play.join_in(kA);
  for (int i = 0; i < 10; ++i) {
    const AssignUnit written = play.compute(kA);
    play.tell(LeaseFailed{kA, written.unit.id, written.lease, "disk full", false});
    ASSERT_EQ(play.at(kA), "m0u0");
  }
  EXPECT_THAT(play.set_aside, IsEmpty());
}

TEST(SchedulerWriting, ARestartedWorkerHasWrittenNothing) {
  Play play(make_units(0, 1));
  play.join_in(kA);
  const AssignUnit before = play.compute(kA);
  play.join_in(kA);
  EXPECT_EQ(play.at(kA), "m0u0");
  play.tell(LeaseFailed{kA, before.unit.id, before.lease, "stale"});
  EXPECT_EQ(play.at(kA), "m0u0");
  play.succeed(kA);
  EXPECT_TRUE(play.scheduler.is_finished());
}

TEST(SchedulerWriting, DrainingEndsWhenAllIsWritten) {
  Play play(make_units(0, 3));
  play.join_in(kA);
  const AssignUnit first = play.compute(kA);
  play.tell(DrainRequested{});
  const AssignUnit second = play.compute(kA);
  EXPECT_FALSE(play.scheduler.is_idle());
  play.commit(first);
  EXPECT_FALSE(play.scheduler.is_idle());
  play.commit(second);
  EXPECT_TRUE(play.scheduler.is_idle());
  EXPECT_EQ(play.scheduler.open_units(), 1);
}

TEST(SchedulerWriting, AWriterThatFallsSilentIsLostAndMayComeBack) {
  Play play(make_units(0, 1),
            {.max_failures = 3, .suspicion_failures = 3, .lease = std::chrono::seconds(10)});
  play.join_in(kA);
  const AssignUnit written = play.compute(kA);
  play.now = 20'000;
  play.tell(TimePassed{});
  EXPECT_THAT(play.expired_workers, ElementsAre(kA));
  EXPECT_EQ(play.scheduler.live_workers(), 0);
  play.commit(written);
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.live_workers(), 1);
}

TEST(SchedulerWriting, AWordOutOfTurnChangesNothing) {
  Play play(make_units(0, 2));
  play.join_in(kA);
  const AssignUnit first = play.compute(kA);
  play.tell(LeaseComputed{kA, first.unit.id, first.lease});
  play.tell(LeaseComputed{kB, first.unit.id, first.lease});
  EXPECT_EQ(play.at(kA), "m0u1");
  play.commit(first);
  play.commit(first);
  EXPECT_THAT(play.completed, ElementsAre("m0u0"));
  play.tell(LeaseComputed{kA, first.unit.id, first.lease});
  play.succeed(kA);
  EXPECT_TRUE(play.scheduler.is_finished());
}

}  // namespace
}  // namespace lacuna
