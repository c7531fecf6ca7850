#include "orchestrator/scheduler.h"

#include <algorithm>
#include <utility>

namespace lacuna {
namespace {

double to_seconds(SchedulerTime time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Scheduler::Scheduler(std::vector<WorkUnit> units, SchedulerOptions options) : options_(options) {
  units_.reserve(units.size());
  for (WorkUnit& work : units) {
    const std::size_t index = units_.size();
    unit_index_.emplace(work.id, index);
    Model& model = models_[work.model];
    model.fresh.push_back(index);
    model.pending_questions += work.question_count;
    units_.push_back({.work = std::move(work), .failed_by = {}, .last_reason = {}});
  }
  open_units_ = pending_units_ = static_cast<std::int64_t>(units_.size());
}

std::vector<SchedulerAction> Scheduler::handle(const SchedulerEvent& event, SchedulerTime now) {
  now_ = std::max(now_, now);
  actions_.clear();
  std::visit([this](const auto& e) { on(e); }, event);
  expire_leases();
  assign_idle_workers();
  return std::move(actions_);
}

std::vector<std::pair<UnitId, std::string>> Scheduler::set_aside() const {
  std::vector<std::pair<UnitId, std::string>> result;
  for (const Unit& unit : units_) {
    if (unit.state == UnitState::kSetAside) result.emplace_back(unit.work.id, unit.last_reason);
  }
  return result;
}

// --- events

void Scheduler::on(const WorkerJoined& event) {
  const auto [position, is_new] = workers_.try_emplace(event.worker);
  Worker& worker = position->second;
  if (is_new) {
    ++live_workers_;
  } else if (worker.state == WorkerState::kLost) {
    revive(event.worker, worker);
  } else {
    if (worker.state == WorkerState::kBusy) release_unit(event.worker, worker, "its worker was restarted");
    if (worker.writing) release_writing(event.worker, worker, "its worker was restarted");
  }
  set_model(worker, std::nullopt);
  worker.lease = LeaseId(-1);
  make_idle(event.worker, worker);
}

void Scheduler::on(const WorkerLost& event) {
  const auto found = workers_.find(event.worker);
  if (found == workers_.end() || found->second.state == WorkerState::kLost) return;
  lose_worker(event.worker, found->second, event.reason);
  // It said itself that it cannot work: what it may still say of its unit does not bring it back.
  found->second.lease = LeaseId(-1);
}

void Scheduler::on(const WorkerHeard& event) {
  const auto found = workers_.find(event.worker);
  if (found == workers_.end()) return;
  Worker& worker = found->second;
  worker.last_heard = now_;
  if (worker.state != WorkerState::kLost || event.lease != worker.lease) return;
  // It was given up but still computes: leave the unit to it, unless somebody else has it or finished it;
  // then it is merely busy until it reports.
  revive(event.worker, worker);
  worker.state = WorkerState::kBusy;
  ++busy_workers_;
  Unit& unit = units_[worker.unit];
  set_model(worker, unit.work.model);
  ++unit.holders;
  if (unit.state == UnitState::kPending) {
    unit.state = UnitState::kLeased;
    --pending_units_;
    model_of(unit).pending_questions -= unit.work.question_count;
  }
}

void Scheduler::on(const LeaseComputed& event) {
  const auto found = workers_.find(event.worker);
  if (found == workers_.end() || event.lease != found->second.lease) return;
  Worker& worker = found->second;
  if (worker.state != WorkerState::kBusy) return;
  worker.last_heard = now_;
  const Unit& unit = units_[worker.unit];
  const bool has_failed = !unit.failed_by.empty() || unit.lost_commits > 0;
  if (worker.writing || has_failed) return;  // busy until it is durable
  learn_duration(worker);
  worker.writing = {.unit = worker.unit, .lease = worker.lease};
  ++writing_workers_;
  --busy_workers_;
  worker.lease = LeaseId(-1);
  make_idle(event.worker, worker);
}

void Scheduler::on(const LeaseSucceeded& event) {
  const auto found = unit_index_.find(event.unit);
  if (!workers_.contains(event.worker) || found == unit_index_.end()) return;
  end_lease(event, found->second);
  Unit& unit = units_[found->second];
  if (!unit.untold_loss) return;
  on(CommitLost{.unit = unit.work, .reason = *std::exchange(unit.untold_loss, std::nullopt)});
}

void Scheduler::end_lease(const LeaseSucceeded& event, std::size_t index) {
  Worker& w = workers_.at(event.worker);
  w.last_heard = now_;
  // The part is on disk, whoever holds the unit now.
  complete(index);
  const bool was_written = w.writing && event.lease == w.writing->lease;
  if (!was_written && event.lease != w.lease) return;
  w.failures_in_a_row.erase(units_[index].work.model);
  if (was_written) {
    --units_[w.writing->unit].holders;
    --writing_workers_;
    w.writing.reset();
    return;
  }
  if (w.state == WorkerState::kBusy) {
    learn_duration(w);
    --units_[w.unit].holders;
    --busy_workers_;
  } else {
    revive(event.worker, w);
    set_model(w, units_[index].work.model);
  }
  w.lease = LeaseId(-1);
  make_idle(event.worker, w);
}

void Scheduler::on(const LeaseFailed& event) {
  const auto found = workers_.find(event.worker);
  if (found == workers_.end()) return;
  Worker& worker = found->second;
  if (worker.writing && event.lease == worker.writing->lease) {
    worker.last_heard = now_;
    release_writing(event.worker, worker, event.reason, event.is_units_fault);
    return;
  }
  if (event.lease != worker.lease) return;
  worker.last_heard = now_;
  if (worker.state == WorkerState::kBusy) {
    release_unit(event.worker, worker, event.reason, event.is_units_fault);
  } else {
    revive(event.worker, worker);  // the unit was charged when the worker was lost
  }
  // Its engine may have lost the model: it loads it again if need be, and the model stays the best choice.
  worker.lease = LeaseId(-1);
  make_idle(event.worker, worker);
}

void Scheduler::on(const CommitLost& event) {
  const auto [position, is_new] = unit_index_.try_emplace(event.unit.id, units_.size());
  if (is_new) {
    units_.push_back({.work = event.unit, .state = UnitState::kDone, .failed_by = {}, .last_reason = {}});
    ++completed_units_;  // undone below: it is none of this run's
  }
  Unit& unit = units_[position->second];
  if (unit.state == UnitState::kSetAside) return;
  if (unit.state != UnitState::kDone) {
    // Whoever committed it has not said so yet; or it is being computed again, and will be once more.
    unit.untold_loss = event.reason;
    return;
  }
  --completed_units_;
  ++open_units_;
  ++unit.lost_commits;
  unit.last_reason = event.reason;
  unit.state = UnitState::kLeased;  // a late worker may still hold it
  actions_.emplace_back(UnitReopened{unit.work});
  retry_or_set_aside(position->second, event.reason);
}

void Scheduler::expire_leases() {
  if (options_.lease <= SchedulerTime::zero() || now_ < next_expiry_check_) return;
  // Not at every message: with 10,000 workers the look at all of them would be most of the coordinator's
  // work.
  next_expiry_check_ = now_ + std::min<SchedulerTime>(options_.lease / 8, std::chrono::seconds(1));
  for (auto& [id, worker] : workers_) {
    const bool is_expected_to_speak = worker.state == WorkerState::kBusy || worker.writing;
    if (!is_expected_to_speak || now_ - worker.last_heard < options_.lease) continue;
    lose_worker(id, worker, "its worker gave no sign of life");
    actions_.emplace_back(WorkerExpired{id});
  }
}

// --- bookkeeping

void Scheduler::lose_worker(WorkerId id, Worker& worker, const std::string& reason) {
  if (worker.state == WorkerState::kBusy) {
    release_unit(id, worker, reason);
  } else if (worker.writing) {
    // If it comes back, it is with this.
    worker.unit = worker.writing->unit;
    worker.lease = worker.writing->lease;
  }
  if (worker.writing) release_writing(id, worker, reason);
  set_model(worker, std::nullopt);
  idle_.erase(id);
  worker.state = WorkerState::kLost;
  --live_workers_;
}

// A busy worker lets go of its unit without having finished it. The caller sets the worker's new state.
void Scheduler::release_unit(WorkerId id, Worker& worker, const std::string& reason, bool is_units_fault) {
  --busy_workers_;
  take_back(worker.unit, id, reason, is_units_fault);
}

// Likewise of what it writes.
void Scheduler::release_writing(WorkerId id, Worker& worker, const std::string& reason, bool is_units_fault) {
  const std::size_t index = worker.writing->unit;
  worker.writing.reset();
  --writing_workers_;
  take_back(index, id, reason, is_units_fault);
}

void Scheduler::take_back(std::size_t index, WorkerId worker, const std::string& reason,
                          bool is_units_fault) {
  Unit& unit = units_[index];
  --unit.holders;
  if (is_units_fault) {
    record_failure(index, worker, reason);
  } else if (unit.state == UnitState::kLeased && unit.holders == 0) {
    mark_pending(index);
  }
}

void Scheduler::set_model(Worker& worker, std::optional<ModelIndex> model) {
  if (worker.model) --models_[*worker.model].workers;
  worker.model = model;
  if (worker.model) ++models_[*worker.model].workers;
}

void Scheduler::make_idle(WorkerId id, Worker& worker) {
  worker.state = WorkerState::kIdle;
  worker.last_heard = now_;
  idle_.insert(id);
}

// The caller sets the new state.
void Scheduler::revive(WorkerId id, Worker& worker) {
  if (worker.state != WorkerState::kLost) return;
  ++live_workers_;
  make_idle(id, worker);
  idle_.erase(id);
}

void Scheduler::mark_pending(std::size_t index) {
  Unit& unit = units_[index];
  unit.state = UnitState::kPending;
  ++pending_units_;
  model_of(unit).pending_questions += unit.work.question_count;
  model_of(unit).failed.push_back(index);
}

void Scheduler::complete(std::size_t index) {
  Unit& unit = units_[index];
  if (unit.state == UnitState::kDone) return;
  if (unit.state == UnitState::kPending) {
    --pending_units_;
    model_of(unit).pending_questions -= unit.work.question_count;
  }
  if (unit.state != UnitState::kSetAside) --open_units_;
  unit.state = UnitState::kDone;
  ++completed_units_;
  actions_.emplace_back(UnitCompleted{unit.work});
}

void Scheduler::record_failure(std::size_t index, WorkerId worker, const std::string& reason) {
  Unit& unit = units_[index];
  workers_.at(worker).failures_in_a_row[unit.work.model].insert(index);
  if (unit.state != UnitState::kLeased) return;  // done or set aside meanwhile
  unit.failed_by.push_back(worker);
  unit.last_reason = reason;
  retry_or_set_aside(index, reason);
}

// After one more failure of a leased unit.
void Scheduler::retry_or_set_aside(std::size_t index, const std::string& reason) {
  Unit& unit = units_[index];
  const int failures = static_cast<int>(unit.failed_by.size()) + unit.lost_commits;
  if (failures >= options_.max_failures) {
    if (unit.holders > 0) return;  // another worker may still finish it
    unit.state = UnitState::kSetAside;
    --open_units_;
    actions_.emplace_back(UnitSetAside{unit.work.id, reason});
    return;
  }
  actions_.emplace_back(UnitRetried{unit.work.id, reason});
  if (unit.holders == 0) mark_pending(index);
}

void Scheduler::learn_duration(const Worker& worker) {
  const Unit& unit = units_[worker.unit];
  Model& model = models_[unit.work.model];
  const double seconds = to_seconds(now_ - worker.lease_began);
  const auto questions = static_cast<double>(unit.work.question_count);
  if (worker.model_was_loaded) {
    model.warm_seconds += seconds;
    model.warm_questions += questions;
  } else {
    model.cold_seconds += seconds;
    model.cold_questions += questions;
    model.cold_units += 1;
  }
}

}  // namespace lacuna
