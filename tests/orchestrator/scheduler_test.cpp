#include "orchestrator/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/orchestrator/fake_worker.h"
#include "tests/orchestrator/scheduler_play.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::join;
using testing::kA;
using testing::kB;
using testing::kC;
using testing::make_unit;
using testing::make_units;
using ::testing::Pair;
using testing::Play;

TEST(Scheduler, OneWorkerDoesThePlanInOrder) {
  Play play(join(make_units(0, 2), make_units(1, 2)));
  EXPECT_THAT(play.assigned, IsEmpty());
  play.join_in(kA);
  for (int i = 0; i < 4; ++i) play.succeed(kA, 10);
  EXPECT_THAT(play.assigned, ElementsAre("m0u0", "m0u1", "m1u0", "m1u1"));
  EXPECT_EQ(play.completed, play.assigned);
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.completed_units(), 4);
}

TEST(Scheduler, NothingToDoIsFinished) {
  EXPECT_TRUE(Play({}).scheduler.is_finished());
}

TEST(Scheduler, WorkersSpreadOverModelsByTheWork) {
  Play play(join(make_units(0, 20), make_units(1, 10)));
  for (int i = 1; i <= 6; ++i) play.join_in(WorkerId(i));
  int on_first = 0;
  for (const auto& [worker, task] : play.task) on_first += task.unit.model == ModelIndex(0) ? 1 : 0;
  EXPECT_EQ(on_first, 4);
  EXPECT_EQ(play.task.size(), 6U);
}

TEST(Scheduler, AWorkerKeepsItsModel) {
  Play play(join(make_units(0, 6), make_units(1, 6)));
  play.join_in(kA);
  play.join_in(kB);
  const ModelIndex a = play.task.at(kA).unit.model;
  EXPECT_NE(a, play.task.at(kB).unit.model);
  for (int i = 0; i < 5; ++i) {
    play.succeed(kA, 10);
    EXPECT_EQ(play.task.at(kA).unit.model, a);
  }
  play.succeed(kA, 10);  // its model is done: it helps with the other one
  EXPECT_NE(play.task.at(kA).unit.model, a);
}

TEST(Scheduler, AModelThatIsNearlyDoneIsNotLoadedAgain) {
  Play play(join(make_units(0, 3), make_units(1, 6)));
  play.join_in(kA);
  play.join_in(kB);
  ASSERT_EQ(play.at(kA), "m1u0");
  ASSERT_EQ(play.at(kB), "m0u0");
  // Loading takes 60 s, a unit then 1 s.
  play.succeed(kA, 61'000);
  play.succeed(kB, 0);
  for (int i = 0; i < 2; ++i) {
    play.succeed(kA, 1'000);
    play.succeed(kB, 0);
  }
  EXPECT_EQ(play.at(kB), "") << "model 1 has 2 s of work left and takes 60 s to load";
  play.succeed(kA, 1'000);
  play.succeed(kA, 1'000);
  play.succeed(kA, 1'000);
  EXPECT_TRUE(play.scheduler.is_finished());
}

TEST(Scheduler, AnIdleWorkerHelpsWhenTheHolderOfTheModelIsLost) {
  Play play(join(make_units(0, 3), make_units(1, 6)));
  play.join_in(kA);
  play.join_in(kB);
  play.succeed(kA, 61'000);
  play.succeed(kB, 0);
  for (int i = 0; i < 2; ++i) {
    play.succeed(kA, 1'000);
    play.succeed(kB, 0);
  }
  ASSERT_EQ(play.at(kB), "");
  play.tell(WorkerLost{kA, "node died"});
  EXPECT_EQ(play.at(kB), "m1u4");
}

TEST(Scheduler, AFailedUnitGoesToAnotherWorkerAndIsSetAsideAfterThree) {
  Play play(make_units(0, 6));
  for (const WorkerId worker : {kA, kB, kC}) play.join_in(worker);
  ASSERT_EQ(play.at(kA), "m0u0");
  play.fail(kA);
  EXPECT_EQ(play.at(kA), "m0u3");
  play.succeed(kB, 1);
  play.succeed(kC, 1);
  EXPECT_EQ(play.at(kB), "m0u4");
  EXPECT_EQ(play.at(kC), "m0u5");
  play.succeed(kA, 1);
  EXPECT_EQ(play.at(kA), "") << "it failed m0u0, others may try";
  play.succeed(kB, 1);
  EXPECT_EQ(play.at(kB), "m0u0");
  play.fail(kB);
  EXPECT_EQ(play.at(kB), "");
  play.succeed(kC, 1);
  ASSERT_EQ(play.at(kC), "m0u0");
  play.fail(kC, "third");
  EXPECT_THAT(play.set_aside, ElementsAre("m0u0"));
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_THAT(play.scheduler.set_aside(), ElementsAre(Pair(UnitId("m0u0"), "third")));
  EXPECT_EQ(play.scheduler.completed_units(), 5);
}

TEST(Scheduler, AloneAWorkerTriesAgainAfterTheRest) {
  Play play(make_units(0, 2));
  play.join_in(kA);
  play.fail(kA);
  EXPECT_EQ(play.at(kA), "m0u1");
  play.succeed(kA);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(play.at(kA), "m0u0");
    play.fail(kA);
  }
  EXPECT_THAT(play.set_aside, ElementsAre("m0u0"));
  EXPECT_TRUE(play.scheduler.is_finished());
}

TEST(Scheduler, ABrokenWorkerDoesNotRuinThePlan) {
  Play play(make_units(0, 30));
  play.join_in(kA);
  play.join_in(kB);
  int failures = 0;
  for (int step = 0; step < 200 && !play.scheduler.is_finished(); ++step) {
    if (!play.at(kA).empty()) {
      play.fail(kA, "this node has no memory");
      ++failures;
    }
    if (!play.at(kB).empty()) play.succeed(kB, 1);
  }
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.completed.size(), 30U);
  EXPECT_EQ(failures, 3);
}

TEST(Scheduler, AModelThatFailsEverywhereEndsAndTheRestGoesOn) {
  Play play(join(make_units(0, 10), make_units(1, 10)));
  play.join_in(kA);
  play.join_in(kB);
  for (int step = 0; step < 500 && !play.scheduler.is_finished(); ++step) {
    for (const WorkerId worker : {kA, kB}) {
      if (play.at(worker).empty()) continue;
      if (play.task.at(worker).unit.model == ModelIndex(0))
        play.fail(worker);
      else
        play.succeed(worker, 1);
    }
  }
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.completed.size(), 10U);
  EXPECT_EQ(play.set_aside.size(), 10U);
}

TEST(Scheduler, ALostWorkersUnitIsDoneByAnother) {
  Play play(make_units(0, 2));
  play.join_in(kA);
  play.join_in(kB);
  play.tell(WorkerLost{kA, "gone"});
  play.succeed(kB, 1);
  EXPECT_EQ(play.at(kB), "m0u0");
  play.succeed(kB, 1);
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.live_workers(), 1);
}

TEST(Scheduler, WithoutWorkersItIsIdleButNotFinished) {
  Play play(make_units(0, 1));
  EXPECT_TRUE(play.scheduler.is_idle());
  play.join_in(kA);
  EXPECT_FALSE(play.scheduler.is_idle());
  play.tell(WorkerLost{kA, "gone"});
  EXPECT_TRUE(play.scheduler.is_idle());
  EXPECT_FALSE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.open_units(), 1);
}

TEST(Scheduler, ASilentWorkerLosesItsLease) {
  Play play(make_units(0, 2),
            {.max_failures = 3, .suspicion_failures = 3, .lease = std::chrono::seconds(10)});
  play.join_in(kA);
  play.now = 9'000;
  play.tell(WorkerHeard{kA, play.task.at(kA).lease});
  play.now = 18'999;
  play.tell(TimePassed{});
  EXPECT_THAT(play.expired_workers, IsEmpty());
  play.now = 19'000;
  play.tell(TimePassed{});
  EXPECT_THAT(play.expired_workers, ElementsAre(kA));
  EXPECT_EQ(play.scheduler.live_workers(), 0);
  play.join_in(kB);
  EXPECT_EQ(play.at(kB), "m0u1");
}

TEST(Scheduler, AWorkerThatGaveUpIsNotRevivedByWhatItStillSays) {
  Play play(make_units(0, 4));
  play.join_in(kA);
  const AssignUnit last = play.take(kA);
  play.tell(WorkerLost{kA, "its engines do not start"});
  play.tell(LeaseFailed{kA, last.unit.id, last.lease, "no engine"});
  play.tell(WorkerHeard{kA, last.lease});
  EXPECT_EQ(play.scheduler.live_workers(), 0);
  EXPECT_TRUE(play.scheduler.is_idle());
  EXPECT_EQ(play.assigned.size(), 1U);
  // What it committed before counts all the same.
  play.tell(LeaseSucceeded{kA, last.unit.id, last.lease});
  EXPECT_THAT(play.completed, ElementsAre(last.unit.id.value()));
  EXPECT_EQ(play.scheduler.live_workers(), 0);
}

TEST(Scheduler, AFailureThatIsNotTheUnitsFaultIsNotCharged) {
  Play play(make_units(0, 1));
  play.join_in(kA);
  for (int i = 0; i < 10; ++i) {
    const AssignUnit failed = play.take(kA);
    play.tell(LeaseFailed{kA, failed.unit.id, failed.lease, "disk full", false});
    ASSERT_EQ(play.at(kA), "m0u0");
  }
  EXPECT_THAT(play.set_aside, IsEmpty());
}

TEST(Scheduler, ALateResultCounts) {
  Play play(make_units(0, 1),
            {.max_failures = 3, .suspicion_failures = 3, .lease = std::chrono::seconds(10)});
  play.join_in(kA);
  const AssignUnit late = play.take(kA);
  play.now = 20'000;
  play.tell(TimePassed{});
  play.join_in(kB);
  ASSERT_EQ(play.at(kB), "m0u0");
  play.tell(LeaseSucceeded{kA, late.unit.id, late.lease});
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.live_workers(), 2);
  play.succeed(kB);
  EXPECT_THAT(play.completed, ElementsAre("m0u0")) << "said once";
}

TEST(Scheduler, AWorkerThatWasOnlySlowKeepsItsUnit) {
  Play play(make_units(0, 2),
            {.max_failures = 3, .suspicion_failures = 3, .lease = std::chrono::seconds(10)});
  play.join_in(kA);
  const AssignUnit slow = play.take(kA);
  play.now = 20'000;
  play.tell(TimePassed{});
  play.tell(WorkerHeard{kA, slow.lease});
  EXPECT_EQ(play.scheduler.live_workers(), 1);
  play.join_in(kB);
  EXPECT_EQ(play.at(kB), "m0u1") << "m0u0 is still being computed";
  play.tell(LeaseSucceeded{kA, slow.unit.id, slow.lease});
  play.succeed(kB);
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.completed.size(), 2U);
}

TEST(Scheduler, ARestartedWorkerStartsOver) {
  Play play(make_units(0, 3));
  play.join_in(kA);
  const AssignUnit before = play.take(kA);
  play.join_in(kA);
  EXPECT_EQ(play.at(kA), "m0u1");
  play.tell(LeaseFailed{kA, before.unit.id, before.lease, "stale"});
  EXPECT_EQ(play.at(kA), "m0u1") << "a message of an earlier life changes nothing";
  play.succeed(kA);
  play.succeed(kA);
  play.succeed(kA);
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.live_workers(), 1);
}

TEST(Scheduler, AUnitThatKillsItsWorkersIsSetAside) {
  Play play(make_units(0, 1));
  for (int i = 1; i <= 3; ++i) {
    play.join_in(WorkerId(i));
    ASSERT_EQ(play.at(WorkerId(i)), "m0u0");
    play.tell(WorkerLost{WorkerId(i), "killed by signal 9"});
  }
  EXPECT_THAT(play.scheduler.set_aside(), ElementsAre(Pair(UnitId("m0u0"), "killed by signal 9")));
  EXPECT_TRUE(play.scheduler.is_finished());
}

TEST(Scheduler, DrainingHandsOutNothing) {
  Play play(make_units(0, 4));
  play.join_in(kA);
  play.join_in(kB);
  play.tell(DrainRequested{});
  EXPECT_FALSE(play.scheduler.is_idle());
  play.succeed(kA);
  play.fail(kB);
  EXPECT_EQ(play.at(kA) + play.at(kB), "");
  EXPECT_TRUE(play.scheduler.is_idle());
  EXPECT_FALSE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.open_units(), 3);
}

TEST(Scheduler, NonsenseChangesNothing) {
  Play play(make_units(0, 1));
  play.tell(LeaseSucceeded{kA, UnitId("m0u0"), LeaseId(0)});
  play.tell(WorkerHeard{kA, LeaseId(3)});
  play.tell(WorkerLost{kA, "never came"});
  play.tell(LeaseFailed{kA, UnitId("nothing"), LeaseId(0), ""});
  EXPECT_EQ(play.scheduler.live_workers(), 0);
  play.join_in(kA);
  play.tell(LeaseSucceeded{kA, UnitId("nothing"), LeaseId(0)});
  play.tell(LeaseFailed{kB, UnitId("m0u0"), LeaseId(0), ""});
  EXPECT_EQ(play.at(kA), "m0u0");
  play.succeed(kA);
  EXPECT_TRUE(play.scheduler.is_finished());
}

}  // namespace
}  // namespace lacuna
