// The scheduler against simulated workers that fail, die, fall silent and come back at random: whatever
// happens, every unit ends up done exactly once or set aside.
#include <gtest/gtest.h>

#include <map>
#include <queue>
#include <random>
#include <set>

#include "orchestrator/scheduler.h"
#include "tests/orchestrator/fake_worker.h"

namespace lacuna {
namespace {

using testing::make_units;

struct Happening {
  std::int64_t time = 0;
  std::int64_t order = 0;
  SchedulerEvent event;
  bool operator>(const Happening& other) const {
    return std::tie(time, order) > std::tie(other.time, other.order);
  }
};

struct Fates {
  double fails = 0;           // shares of assignments
  double dies = 0;            // and its loss is noticed
  double silent = 0;          // answers only after its lease ran out
  double rots = 0;            // a share of completions: their part is damaged afterwards
  double writes = 0;          // a share of assignments: the worker takes another one while it writes this one
  std::set<UnitId> poison;    // always fail
  bool poison_kills = false;  // the worker, and with it what it writes
};

class Simulation {
 public:
  Simulation(std::vector<WorkUnit> units, int workers, Fates fates, unsigned seed,
             std::int64_t load_ms = 5'000)
      : fates_(std::move(fates)),
        random_(seed),
        load_ms_(load_ms),
        scheduler_(std::move(units), {.max_failures = 3, .suspicion_failures = 3, .lease = kLease}) {
    for (int i = 1; i <= workers; ++i) plan(0, WorkerJoined{WorkerId(i)});
  }

  void run() {
    while (!scheduler_.is_finished() && !happenings_.empty()) {
      ASSERT_LT(++steps_, 2'000'000) << "no end";
      const Happening next = happenings_.top();
      happenings_.pop();
      now_ = next.time;
      if (is_said(next.event)) apply(next.event);
    }
    ASSERT_TRUE(scheduler_.is_finished());
  }

  std::map<UnitId, int> completed;
  std::set<UnitId> set_aside;
  std::int64_t busy_ms = 0;
  [[nodiscard]] std::int64_t now() const { return now_; }
  [[nodiscard]] const Scheduler& scheduler() const { return scheduler_; }

 private:
  static constexpr std::chrono::seconds kLease{60};
  inline static const ModelIndex kNoModel{-1};

  void plan(std::int64_t delay, SchedulerEvent event) {
    happenings_.push({now_ + delay, order_++, std::move(event)});
  }

  void apply(const SchedulerEvent& event) {
    std::vector<CommitLost> lost;
    for (const SchedulerAction& action : scheduler_.handle(event, SchedulerTime(now_))) {
      if (const auto* assign = std::get_if<AssignUnit>(&action)) begin(*assign);
      if (const auto* done = std::get_if<UnitCompleted>(&action)) {
        ++completed[done->unit.id];
        set_aside.erase(done->unit.id);
        const double fate = fates_.rots > 0 ? std::uniform_real_distribution<>(0, 1)(random_) : 1;
        if (fate < fates_.rots) lost.push_back({done->unit, "rotten"});
      }
      if (const auto* again = std::get_if<UnitReopened>(&action)) {
        if (--completed[again->unit.id] == 0) completed.erase(again->unit.id);
      }
      if (const auto* aside = std::get_if<UnitSetAside>(&action)) set_aside.insert(aside->unit);
    }
    for (const CommitLost& part : lost) apply(part);
  }

  void begin(const AssignUnit& assign) {
    auto& loaded = loaded_.try_emplace(assign.worker, kNoModel).first->second;
    const std::int64_t unit_ms = 1'000 + static_cast<std::int64_t>(random_() % 3'000);
    const std::int64_t duration = unit_ms + (loaded == assign.unit.model ? 0 : load_ms_);
    loaded = assign.unit.model;
    busy_ms += unit_ms;
    const double fate = std::uniform_real_distribution<>(0, 1)(random_);
    const LeaseSucceeded success{assign.worker, assign.unit.id, assign.lease};
    const LeaseFailed failure{assign.worker, assign.unit.id, assign.lease, "failed"};
    if (fate < fates_.dies) {
      loaded = kNoModel;
      plan(duration / 2, WorkerLost{assign.worker, "died"});
      plan(duration / 2 + 10'000, WorkerJoined{assign.worker});
    } else if (fate < fates_.dies + fates_.silent) {
      plan(61'000, TimePassed{});
      if (random_() % 2 == 0) plan(70'000, WorkerHeard{assign.worker, assign.lease});
      if (random_() % 2 == 0) {
        plan(80'000, success);
      } else {
        plan(80'000, failure);
      }
    } else if (fates_.poison_kills && fates_.poison.contains(assign.unit.id)) {
      loaded = kNoModel;
      plan(duration / 2, WorkerLost{assign.worker, "died"});
      plan(duration / 2 + 10'000, WorkerJoined{assign.worker});
    } else {
      const bool writes =
          fates_.writes > 0 && std::uniform_real_distribution<>(0, 1)(random_) < fates_.writes;
      const std::int64_t written = duration + (writes ? static_cast<std::int64_t>(random_() % 5'000) : 0);
      if (writes) plan(duration, LeaseComputed{assign.worker, assign.unit.id, assign.lease});
      const bool fails =
          fate < fates_.dies + fates_.silent + fates_.fails || fates_.poison.contains(assign.unit.id);
      plan_end(assign, written, fails);
    }
  }

  // Unless the worker dies before it.
  void plan_end(const AssignUnit& assign, std::int64_t delay, bool fails) {
    if (fails) {
      plan(delay, LeaseFailed{assign.worker, assign.unit.id, assign.lease, "failed"});
    } else {
      plan(delay, LeaseSucceeded{assign.worker, assign.unit.id, assign.lease});
    }
    ends_[assign.lease] = {.worker = assign.worker, .life = lives_[assign.worker]};
  }

  // A dead worker says nothing of its units.
  [[nodiscard]] bool is_said(const SchedulerEvent& event) {
    if (const auto* const lost = std::get_if<WorkerLost>(&event)) ++lives_[lost->worker];
    LeaseId lease(-1);
    if (const auto* const done = std::get_if<LeaseSucceeded>(&event)) lease = done->lease;
    if (const auto* const failed = std::get_if<LeaseFailed>(&event)) lease = failed->lease;
    if (const auto* const computed = std::get_if<LeaseComputed>(&event)) lease = computed->lease;
    const auto end = ends_.find(lease);
    return !fates_.poison_kills || end == ends_.end() || lives_[end->second.worker] == end->second.life;
  }

  Fates fates_;
  std::mt19937 random_;
  std::int64_t load_ms_;
  Scheduler scheduler_;
  std::priority_queue<Happening, std::vector<Happening>, std::greater<>> happenings_;
  std::map<WorkerId, ModelIndex> loaded_;
  struct PlannedEnd {
    WorkerId worker;
    int life = 0;
  };
  std::map<LeaseId, PlannedEnd> ends_;
  std::map<WorkerId, int> lives_;
  std::int64_t now_ = 0;
  std::int64_t order_ = 0;
  std::int64_t steps_ = 0;
};

std::vector<WorkUnit> make_sweep(int models, int units_each) {
  std::vector<WorkUnit> units;
  for (int m = 0; m < models; ++m) units = testing::join(std::move(units), make_units(m, units_each));
  return units;
}

void expect_each_unit_once(const Simulation& simulation, const std::vector<WorkUnit>& units) {
  for (const WorkUnit& unit : units) {
    const auto done = simulation.completed.find(unit.id);
    const int times = done == simulation.completed.end() ? 0 : done->second;
    EXPECT_EQ(times + (simulation.set_aside.contains(unit.id) ? 1 : 0), 1) << unit.id.value();
  }
  EXPECT_EQ(simulation.scheduler().set_aside().size(), simulation.set_aside.size());
  EXPECT_EQ(simulation.scheduler().completed_units(), static_cast<std::int64_t>(simulation.completed.size()));
  EXPECT_EQ(simulation.scheduler().open_units(), 0);
}

TEST(SchedulerSimulation, EveryUnitOnceWhateverHappens) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto units = make_sweep(1 + static_cast<int>(random() % 4), 1 + static_cast<int>(random() % 40));
    const double severity = 0.01 * static_cast<double>(random() % 30);
    Simulation simulation(units, 1 + static_cast<int>(random() % 12),
                          {.fails = severity,
                           .dies = severity / 2,
                           .silent = severity / 2,
                           .rots = severity / 2,
                           .writes = 0.25 * static_cast<double>(seed % 5),
                           .poison = {}},
                          seed);
    ASSERT_NO_FATAL_FAILURE(simulation.run()) << "seed " << seed;
    expect_each_unit_once(simulation, units);
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

TEST(SchedulerSimulation, OnlyPoisonedUnitsAreSetAside) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    const auto units = make_sweep(3, 30);
    const std::set<UnitId> poison = {units[0].id, units[1].id, units[2].id, units[40].id, units[89].id};
    Simulation simulation(units, 1 + static_cast<int>(seed % 9),
                          {.writes = 0.5 * static_cast<double>(seed % 3), .poison = poison}, seed);
    ASSERT_NO_FATAL_FAILURE(simulation.run());
    expect_each_unit_once(simulation, units);
    EXPECT_EQ(simulation.set_aside, poison) << "seed " << seed;
  }
}

TEST(SchedulerSimulation, UnitsThatAreWrittenWhileAnotherKillsTheWorkerAreNotSetAside) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    const auto units = make_sweep(2, 30);
    const std::set<UnitId> poison = {units[1].id, units[3].id, units[5].id, units[29].id, units[30].id};
    Simulation simulation(units, 1 + static_cast<int>(seed % 9),
                          {.writes = 1, .poison = poison, .poison_kills = true}, seed);
    ASSERT_NO_FATAL_FAILURE(simulation.run());
    expect_each_unit_once(simulation, units);
    EXPECT_EQ(simulation.set_aside, poison) << "seed " << seed;
  }
}

TEST(SchedulerSimulation, WithoutFaultsWorkersAreBusy) {
  const auto units = make_sweep(3, 400);
  Simulation simulation(units, 24, {}, 7, 0);
  ASSERT_NO_FATAL_FAILURE(simulation.run());
  expect_each_unit_once(simulation, units);
  const double utilisation =
      static_cast<double>(simulation.busy_ms) / (24.0 * static_cast<double>(simulation.now()));
  EXPECT_GT(utilisation, 0.97);
}

TEST(SchedulerSimulation, ModelsAreLoadedSeldom) {
  const auto units = make_sweep(3, 400);
  Simulation simulation(units, 24, {}, 7, 60'000);
  ASSERT_NO_FATAL_FAILURE(simulation.run());
  const double busy = static_cast<double>(simulation.busy_ms) / 24;
  // Three models, 24 workers: one loading each is needed; a second one by those that finish early is not
  // worth it.
  EXPECT_LT(static_cast<double>(simulation.now()), busy + 1.5 * 60'000);
}

}  // namespace
}  // namespace lacuna
