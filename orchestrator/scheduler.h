// Decides which worker computes which unit. A pure state machine: events and the time go in, actions come
// out; no channel, no clock, no thread, so that any history can be replayed and simulated.
//
// Rules
// - A worker stays with the model it has loaded while that model has units. When it needs another one, it
// takes
//   the model with the most remaining work per worker, so workers spread over models in proportion to the
//   work. It does not load a model that the workers who already hold it will have finished sooner than it is
//   loaded (loading times are learned from the first unit after a change of model).
// - A unit that failed goes to the end of its model's queue and, if there is a choice, to another worker.
// After
//   `max_failures` failures it is set aside with the last reason. A worker that is lost while computing a
//   unit is a failure of that unit.
// - A worker that failed `suspicion_failures` different units of a model in a row gets no more of that model
//   while workers without such a record are alive.
// - A unit whose part is lost after its commit is computed again; the loss counts as a failure of the unit,
// so
//   that a disk that spoils every part does not keep a run going for ever.
// - While a worker writes what it has computed it is given the next unit. When it is lost then, both have
// failed,
//   although only one may be to blame: so a unit that has failed is alone with its worker until it is
//   durable.
// - A worker may come back from the dead: what it finished counts, what it still computes is left to it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/ids.h"
#include "core/messages.h"
#include "core/work_unit.h"

namespace lacuna {

// Since an arbitrary start; must not go back.
using SchedulerTime = std::chrono::milliseconds;

struct SchedulerOptions {
  int max_failures = 3;
  int suspicion_failures = 3;
  // A worker that computes or writes and was not heard of for so long is lost; zero: never. For workers that
  // send UnitProgress while they load models too.
  SchedulerTime lease{0};
};

// --- events

// The worker is up, with no model loaded. Said again, it is a restart: what it was computing and writing has
// failed.
struct WorkerJoined {
  WorkerId worker;
};
struct WorkerLost {
  WorkerId worker;
  std::string reason;
};
struct WorkerHeard {
  WorkerId worker;
  LeaseId lease;  // what it is computing
};
// The worker has computed the unit and writes it; LeaseSucceeded or LeaseFailed follows.
struct LeaseComputed {
  WorkerId worker;
  UnitId unit;
  LeaseId lease;
};
struct LeaseSucceeded {
  WorkerId worker;
  UnitId unit;
  LeaseId lease;
};
struct LeaseFailed {
  WorkerId worker;
  UnitId unit;
  LeaseId lease;
  std::string reason;
  bool is_units_fault = true;  // false: it is pending again as if nothing had happened
};
// The unit's part was on disk and is no more: damaged after its commit, in this run or in an earlier one
// (then it is none of the scheduler's units yet).
struct CommitLost {
  WorkUnit unit;
  std::string reason;
};
// Time went by and nothing happened.
struct TimePassed {};
// Hand out nothing more.
struct DrainRequested {};

using SchedulerEvent = std::variant<WorkerJoined, WorkerLost, WorkerHeard, LeaseComputed, LeaseSucceeded,
                                    LeaseFailed, CommitLost, TimePassed, DrainRequested>;

// --- actions

struct AssignUnit {
  WorkerId worker;
  WorkUnit unit;
  LeaseId lease;
};
// The unit is done; said once a unit, and again if it was reopened.
struct UnitCompleted {
  WorkUnit unit;
};
// The unit was done and is not any more: it will be computed again, or is set aside.
struct UnitReopened {
  WorkUnit unit;
};
struct UnitRetried {
  UnitId unit;
  std::string reason;
};
struct UnitSetAside {
  UnitId unit;
  std::string reason;
};
// The lease of a silent worker ran out.
struct WorkerExpired {
  WorkerId worker;
};

using SchedulerAction =
    std::variant<AssignUnit, UnitCompleted, UnitReopened, UnitRetried, UnitSetAside, WorkerExpired>;

class Scheduler {
 public:
  // `units`: what is still to be computed, in plan order, ids distinct.
  explicit Scheduler(std::vector<WorkUnit> units, SchedulerOptions options = {});

  // Events that make no sense (an unknown unit, a lease that never was) change nothing.
  std::vector<SchedulerAction> handle(const SchedulerEvent& event, SchedulerTime now);

  // Every unit is done or set aside.
  [[nodiscard]] bool is_finished() const { return open_units_ == 0; }
  // Nobody computes or writes and, without new workers, nobody will: all are lost, or draining has ended.
  [[nodiscard]] bool is_idle() const {
    return busy_workers_ == 0 && writing_workers_ == 0 && (draining_ || live_workers_ == 0);
  }
  [[nodiscard]] std::int64_t completed_units() const { return completed_units_; }
  // Units neither done nor set aside.
  [[nodiscard]] std::int64_t open_units() const { return open_units_; }
  [[nodiscard]] std::int64_t live_workers() const { return live_workers_; }
  // Units that were given up, with the last reason, in plan order (those of earlier runs
  // last).
  [[nodiscard]] std::vector<std::pair<UnitId, std::string>> set_aside() const;

 private:
  enum class UnitState : std::uint8_t { kPending, kLeased, kDone, kSetAside };
  struct Unit {
    WorkUnit work;
    UnitState state = UnitState::kPending;
    int holders = 0;  // workers that compute or write it now
    std::vector<WorkerId> failed_by;
    int lost_commits = 0;
    std::optional<std::string> untold_loss = {};  // of a commit that nobody has told of yet
    std::string last_reason;
  };
  enum class WorkerState : std::uint8_t { kIdle, kBusy, kLost };
  struct Writing {
    std::size_t unit = 0;
    LeaseId lease;
  };
  struct Worker {
    WorkerState state = WorkerState::kIdle;
    std::optional<ModelIndex> model;  // loaded, or being loaded for its unit
    std::size_t unit = 0;             // kBusy, or what a lost worker computed or wrote
    LeaseId lease{-1};
    std::optional<Writing> writing;  // beside what it computes; never of a lost worker
    bool model_was_loaded = false;   // when the lease began
    SchedulerTime lease_began{0};
    SchedulerTime last_heard{0};
    // Units of a model that failed here in a row.
    std::map<ModelIndex, std::set<std::size_t>> failures_in_a_row;
  };
  struct Model {
    std::deque<std::size_t> fresh;    // may hold units that are no longer pending
    std::vector<std::size_t> failed;  // pending again, oldest failure first; as above
    std::int64_t pending_questions = 0;
    int workers = 0;          // live ones that hold it
    double warm_seconds = 0;  // of units that were computed with the model already loaded
    double warm_questions = 0;
    double cold_seconds = 0;  // of units that began with loading it
    double cold_questions = 0;
    double cold_units = 0;
  };

  void on(const WorkerJoined& event);
  void on(const WorkerLost& event);
  void on(const WorkerHeard& event);
  void on(const LeaseComputed& event);
  void on(const LeaseSucceeded& event);
  void on(const LeaseFailed& event);
  void on(const CommitLost& event);
  void on(const TimePassed&) { next_expiry_check_ = now_; }
  void on(const DrainRequested&) { draining_ = true; }

  void end_lease(const LeaseSucceeded& event, std::size_t index);
  void expire_leases();
  void assign_idle_workers();
  bool assign_to(WorkerId id, Worker& worker, bool only_if_sensible);
  std::optional<std::size_t> choose_unit(WorkerId id, const Worker& worker, bool only_if_sensible);
  std::optional<std::size_t> find_unit(WorkerId id, const Worker& worker, Model& model,
                                       bool only_if_sensible);
  [[nodiscard]] double remaining_seconds(const Model& model) const;
  [[nodiscard]] double loading_seconds() const;
  [[nodiscard]] int reluctance(WorkerId id, const Worker& worker, const Unit& unit) const;
  [[nodiscard]] bool is_best_choice(WorkerId id, const Worker& worker, const Unit& unit) const;

  void lose_worker(WorkerId id, Worker& worker, const std::string& reason);
  void release_unit(WorkerId id, Worker& worker, const std::string& reason, bool is_units_fault = true);
  void release_writing(WorkerId id, Worker& worker, const std::string& reason, bool is_units_fault = true);
  void take_back(std::size_t index, WorkerId worker, const std::string& reason, bool is_units_fault);
  void set_model(Worker& worker, std::optional<ModelIndex> model);
  void make_idle(WorkerId id, Worker& worker);
  void revive(WorkerId id, Worker& worker);
  void mark_pending(std::size_t index);
  void complete(std::size_t index);
  void record_failure(std::size_t index, WorkerId worker, const std::string& reason);
  void retry_or_set_aside(std::size_t index, const std::string& reason);
  void learn_duration(const Worker& worker);
  Model& model_of(const Unit& unit) { return models_[unit.work.model]; }

  SchedulerOptions options_;
  SchedulerTime now_{0};
  SchedulerTime next_expiry_check_{0};
  std::vector<Unit> units_;
  std::unordered_map<UnitId, std::size_t> unit_index_;
  std::map<ModelIndex, Model> models_;
  std::map<WorkerId, Worker> workers_;
  std::set<WorkerId> idle_;
  std::vector<SchedulerAction> actions_;
  std::int64_t next_lease_ = 0;
  std::int64_t open_units_ = 0;
  std::int64_t pending_units_ = 0;
  std::int64_t completed_units_ = 0;
  std::int64_t live_workers_ = 0;
  std::int64_t busy_workers_ = 0;
  std::int64_t writing_workers_ = 0;
  bool draining_ = false;
};

}  // namespace lacuna
