// Units whose parts are damaged after their commit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/scheduler.h"
#include "tests/orchestrator/fake_worker.h"
#include "tests/orchestrator/scheduler_play.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using testing::kA;
using testing::kB;
using testing::make_unit;
using testing::make_units;
using ::testing::Pair;
using testing::Play;

TEST(Scheduler, AUnitWhosePartIsLostIsComputedAgain) {
  Play play(make_units(0, 2));
  play.join_in(kA);
  play.succeed(kA);
  play.succeed(kA);
  ASSERT_TRUE(play.scheduler.is_finished());
  play.tell(CommitLost{make_unit("m0u0", 0), "a flipped bit"});
  EXPECT_FALSE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.completed_units(), 1);
  EXPECT_THAT(play.reopened, ElementsAre("m0u0"));
  EXPECT_EQ(play.at(kA), "m0u0");
  play.succeed(kA);
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_THAT(play.completed, ElementsAre("m0u0", "m0u1", "m0u0"));
  EXPECT_EQ(play.scheduler.completed_units(), 2);
}

TEST(Scheduler, AUnitOfAnEarlierRunWhosePartIsLostIsTakenIn) {
  Play play(make_units(0, 1));
  play.join_in(kA);
  play.tell(CommitLost{make_unit("m1u7", 1), "cut short"});
  EXPECT_EQ(play.scheduler.open_units(), 2);
  play.succeed(kA);
  EXPECT_EQ(play.at(kA), "m1u7");
  play.succeed(kA);
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.completed_units(), 2);
}

TEST(Scheduler, ADiskThatSpoilsEveryPartDoesNotKeepTheRunGoing) {
  Play play(make_units(0, 1));
  play.join_in(kA);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(play.at(kA), "m0u0");
    play.succeed(kA);
    play.tell(CommitLost{make_unit("m0u0", 0), "a flipped bit"});
  }
  EXPECT_THAT(play.scheduler.set_aside(), ElementsAre(Pair(UnitId("m0u0"), "a flipped bit")));
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.completed_units(), 0);
}

TEST(Scheduler, ALostPartIsLeftToALateWorkerThatStillComputesIt) {
  Play play(make_units(0, 1), {.lease = SchedulerTime(100)});
  play.join_in(kA);
  play.join_in(kB);
  const AssignUnit late = play.take(kA);
  play.now += 200;
  play.tell(TimePassed{});
  ASSERT_EQ(play.at(kB), "m0u0");
  play.tell(WorkerHeard{kA, late.lease});
  play.succeed(kB);
  play.tell(CommitLost{make_unit("m0u0", 0), "a flipped bit"});
  EXPECT_EQ(play.at(kB), "") << "worker A has it";
  play.tell(LeaseSucceeded{kA, late.unit.id, late.lease});
  EXPECT_TRUE(play.scheduler.is_finished());
  EXPECT_EQ(play.scheduler.completed_units(), 1);
}

}  // namespace
}  // namespace lacuna
