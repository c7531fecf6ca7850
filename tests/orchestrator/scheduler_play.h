// Plays a history of events to a scheduler, by hand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/scheduler.h"

namespace lacuna::testing {

inline const WorkerId kA(1);
inline const WorkerId kB(2);
inline const WorkerId kC(3);

// Drives a scheduler and remembers who computes what.
class Play {
 public:
  explicit Play(std::vector<WorkUnit> units, SchedulerOptions options = {})
      : scheduler(std::move(units), options) {}

  void tell(const SchedulerEvent& event) {
    for (const SchedulerAction& action : scheduler.handle(event, SchedulerTime(now))) {
      if (const auto* assign = std::get_if<AssignUnit>(&action)) {
        task[assign->worker] = *assign;
        assigned.push_back(assign->unit.id.value());
      }
      if (const auto* done = std::get_if<UnitCompleted>(&action)) completed.push_back(done->unit.id.value());
      if (const auto* again = std::get_if<UnitReopened>(&action)) reopened.push_back(again->unit.id.value());
      if (const auto* aside = std::get_if<UnitSetAside>(&action)) set_aside.push_back(aside->unit.value());
      if (const auto* expired = std::get_if<WorkerExpired>(&action))
        expired_workers.push_back(expired->worker);
    }
  }

  void join_in(WorkerId worker) { tell(WorkerJoined{worker}); }
  AssignUnit take(WorkerId worker) {
    const AssignUnit result = task.at(worker);
    task.erase(worker);
    return result;
  }
  // The worker goes on to write its unit, which is returned.
  AssignUnit compute(WorkerId worker) {
    const AssignUnit computed = take(worker);
    tell(LeaseComputed{worker, computed.unit.id, computed.lease});
    return computed;
  }
  void commit(const AssignUnit& written) {
    tell(LeaseSucceeded{written.worker, written.unit.id, written.lease});
  }
  void succeed(WorkerId worker, std::int64_t after_ms = 0) {
    now += after_ms;
    const AssignUnit done = take(worker);
    tell(LeaseSucceeded{worker, done.unit.id, done.lease});
  }
  void fail(WorkerId worker, const std::string& reason = "broken") {
    const AssignUnit failed = take(worker);
    tell(LeaseFailed{worker, failed.unit.id, failed.lease, reason});
  }
  // The unit that a worker computes, "" if none.
  std::string at(WorkerId worker) const {
    const auto found = task.find(worker);
    return found == task.end() ? "" : found->second.unit.id.value();
  }

  Scheduler scheduler;
  std::int64_t now = 0;
  std::map<WorkerId, AssignUnit> task;
  std::vector<std::string> assigned, completed, reopened, set_aside;
  std::vector<WorkerId> expired_workers;
};

}  // namespace lacuna::testing
