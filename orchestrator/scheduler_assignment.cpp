// Which worker gets which unit.
#include <algorithm>

#include "orchestrator/scheduler.h"

namespace lacuna {

void Scheduler::assign_idle_workers() {
  if (draining_) return;
  for (auto position = idle_.begin(); position != idle_.end() && pending_units_ > 0;) {
    const WorkerId id = *position++;  // assign_to removes it from the set
    assign_to(id, workers_.at(id), true);
  }
  // When nobody computes, waiting for a better choice would last for ever.
  if (busy_workers_ == 0 && writing_workers_ == 0 && pending_units_ > 0 && !idle_.empty()) {
    const WorkerId id = *idle_.begin();
    assign_to(id, workers_.at(id), false);
  }
}

bool Scheduler::assign_to(WorkerId id, Worker& worker, bool only_if_sensible) {
  const std::optional<std::size_t> index = choose_unit(id, worker, only_if_sensible);
  if (!index) return false;
  Unit& unit = units_[*index];
  unit.state = UnitState::kLeased;
  ++unit.holders;
  --pending_units_;
  model_of(unit).pending_questions -= unit.work.question_count;
  idle_.erase(id);
  worker.state = WorkerState::kBusy;
  ++busy_workers_;
  worker.model_was_loaded = worker.model == unit.work.model;
  set_model(worker, unit.work.model);
  worker.unit = *index;
  worker.lease = LeaseId(next_lease_++);
  worker.lease_began = worker.last_heard = now_;
  actions_.emplace_back(AssignUnit{id, unit.work, worker.lease});
  return true;
}

std::optional<std::size_t> Scheduler::choose_unit(WorkerId id, const Worker& worker, bool only_if_sensible) {
  if (worker.model) {
    Model& own = models_[*worker.model];
    if (const auto unit = find_unit(id, worker, own, only_if_sensible)) return unit;
    // What is left of its model may only wait for it to have written.
    if (worker.writing && own.pending_questions > 0) return std::nullopt;
  }
  std::vector<std::pair<double, Model*>> candidates;
  for (auto& [index, model] : models_) {
    if (model.pending_questions <= 0 || worker.model == index) continue;
    const double remaining = remaining_seconds(model);
    const bool too_late = model.workers > 0 && remaining / model.workers < loading_seconds();
    if (only_if_sensible && too_late) continue;
    candidates.emplace_back(remaining / (model.workers + 1), &model);
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [score, model] : candidates) {
    if (const auto unit = find_unit(id, worker, *model, only_if_sensible)) return unit;
  }
  return std::nullopt;
}

std::optional<std::size_t> Scheduler::find_unit(WorkerId id, const Worker& worker, Model& model,
                                                bool only_if_sensible) {
  const auto is_stale = [this](std::size_t index) { return units_[index].state != UnitState::kPending; };
  while (!model.fresh.empty() && is_stale(model.fresh.front())) model.fresh.pop_front();
  if (!model.fresh.empty() &&
      (!only_if_sensible || is_best_choice(id, worker, units_[model.fresh.front()]))) {
    const std::size_t index = model.fresh.front();
    model.fresh.pop_front();
    return index;
  }
  if (worker.writing) return std::nullopt;  // units that failed are alone with their worker
  std::erase_if(model.failed, is_stale);
  for (auto position = model.failed.begin(); position != model.failed.end(); ++position) {
    if (only_if_sensible && !is_best_choice(id, worker, units_[*position])) continue;
    const std::size_t index = *position;
    model.failed.erase(position);
    return index;
  }
  return std::nullopt;
}

double Scheduler::remaining_seconds(const Model& model) const {
  double seconds = model.warm_seconds;
  double questions = model.warm_questions;
  if (questions == 0) {
    for (const auto& [index, other] : models_) {
      seconds += other.warm_seconds;
      questions += other.warm_questions;
    }
  }
  const double seconds_a_question = questions > 0 ? seconds / questions : 1;
  return static_cast<double>(model.pending_questions) * seconds_a_question;
}

double Scheduler::loading_seconds() const {
  double seconds = 0;
  double loadings = 0;
  for (const auto& [index, model] : models_) {
    if (model.warm_questions == 0) continue;
    const double computing = model.cold_questions * model.warm_seconds / model.warm_questions;
    seconds += std::max(0.0, model.cold_seconds - computing);
    loadings += model.cold_units;
  }
  return loadings > 0 ? seconds / loadings : 0;
}

// 0: nothing speaks against it. A worker that fails one unit of a model after the other is worse than one
// that failed this unit once.
int Scheduler::reluctance(WorkerId id, const Worker& worker, const Unit& unit) const {
  int result = std::count(unit.failed_by.begin(), unit.failed_by.end(), id) > 0 ? 1 : 0;
  const auto row = worker.failures_in_a_row.find(unit.work.model);
  if (row != worker.failures_in_a_row.end() &&
      row->second.size() >= static_cast<std::size_t>(options_.suspicion_failures)) {
    result += 2;
  }
  return result;
}

bool Scheduler::is_best_choice(WorkerId id, const Worker& worker, const Unit& unit) const {
  const int own = reluctance(id, worker, unit);
  if (own == 0) return true;
  return std::none_of(workers_.begin(), workers_.end(), [&](const auto& entry) {
    return entry.second.state != WorkerState::kLost && reluctance(entry.first, entry.second, unit) < own;
  });
}

}  // namespace lacuna
