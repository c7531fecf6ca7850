#include "bench/simulated_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <queue>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "orchestrator/scheduler.h"

namespace lacuna {
namespace {

constexpr std::int64_t kQuestionsPerUnit = 16;

struct SimulatedWorker {
  std::int32_t model = -1;
  double busy_since = -1;
  double computed_seconds = 0;
  double busy_seconds = 0;
  double idle_since = 0;
  bool is_lost = false;
};

struct Happening {
  double time = 0;
  std::int64_t order = 0;
  SchedulerEvent event;
  bool operator>(const Happening& other) const {
    return std::tie(time, order) > std::tie(other.time, other.order);
  }
};

class Cluster {
 public:
  Cluster(const ClusterShape& shape, std::uint64_t seed)
      : shape_(shape),
        random_(seed),
        workers_(static_cast<std::size_t>(shape.workers) + 1),
        scheduler_(make_units(shape),
                   {.max_failures = 3, .suspicion_failures = 3, .lease = SchedulerTime(120'000)}) {}

  ClusterReport run() {
    report_.units = shape_.workers * shape_.units_per_worker;
    done_.assign(static_cast<std::size_t>(report_.units), 0);
    for (std::int64_t i = 1; i <= shape_.workers; ++i) {
      plan(0, WorkerJoined{WorkerId(static_cast<std::int32_t>(i))});
    }
    plan(1, TimePassed{});
    while (!scheduler_.is_finished() && !happenings_.empty()) {
      const Happening next = happenings_.top();
      happenings_.pop();
      handle(next);
    }
    return summarize();
  }

 private:
  static std::vector<WorkUnit> make_units(const ClusterShape& shape) {
    std::vector<WorkUnit> units;
    const std::int64_t count = shape.workers * shape.units_per_worker;
    units.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      units.push_back({.id = UnitId(std::to_string(i)),
                       .model = ModelIndex(static_cast<std::int32_t>(i * shape.models / count)),
                       .benchmark = BenchmarkIndex(0),
                       .stream = StreamKind::kShared,
                       .first_question = QuestionIndex(i * kQuestionsPerUnit),
                       .question_count = kQuestionsPerUnit});
    }
    return units;
  }

  void plan(double time, SchedulerEvent event) { happenings_.push({time, order_++, std::move(event)}); }

  SimulatedWorker& worker(WorkerId id) { return workers_[static_cast<std::size_t>(id.value())]; }

  // The coordinator takes one message after the other.
  void handle(const Happening& happening) {
    const bool is_message = !std::holds_alternative<TimePassed>(happening.event);
    const double begin = std::max(happening.time, coordinator_free_at_);
    now_ = begin;
    if (is_message) {
      ++report_.messages;
      coordinator_seconds_ += shape_.message_seconds;
      coordinator_free_at_ = begin + shape_.message_seconds;
    } else {
      plan(happening.time + 1, TimePassed{});
    }
    if (const auto* const done = std::get_if<LeaseSucceeded>(&happening.event))
      end(done->worker, happening.time);
    if (const auto* const failed = std::get_if<LeaseFailed>(&happening.event))
      end(failed->worker, happening.time);
    const SchedulerTime time(static_cast<std::int64_t>(1000 * now_));
    for (const SchedulerAction& action : scheduler_.handle(happening.event, time)) perform(action);
  }

  void end(WorkerId id, double time) {
    SimulatedWorker& w = worker(id);
    w.busy_seconds += time - w.busy_since;
    w.busy_since = -1;
    w.idle_since = time;
  }

  void perform(const SchedulerAction& action) {
    if (const auto* const assign = std::get_if<AssignUnit>(&action)) begin(*assign);
    if (const auto* const completed = std::get_if<UnitCompleted>(&action)) {
      ++done_[static_cast<std::size_t>(std::stoll(completed->unit.id.value()))];
      last_unit_at_ = now_;
    }
    if (std::holds_alternative<UnitRetried>(action)) ++report_.retried_units;
    if (std::holds_alternative<WorkerExpired>(action)) ++report_.lost_workers;
  }

  void begin(const AssignUnit& assign) {
    ++report_.messages;
    coordinator_seconds_ += shape_.message_seconds;
    coordinator_free_at_ = std::max(coordinator_free_at_, now_) + shape_.message_seconds;
    SimulatedWorker& w = worker(assign.worker);
    const double start = coordinator_free_at_ + shape_.reply_seconds;
    const double unit_seconds = shape_.unit_seconds * std::exp(shape_.tail_sigma * normal_(random_));
    double duration = unit_seconds;
    if (w.model != assign.unit.model.value()) {
      duration += shape_.loading_seconds;
      ++report_.loadings;
    }
    w.model = assign.unit.model.value();
    w.busy_since = start;
    last_assignment_at_ = now_;
    const double fate = uniform_(random_);
    if (fate < shape_.lost_ranks) {
      w.is_lost = true;
      return;
    }
    add_signs_of_life(duration);
    if (fate < shape_.lost_ranks + shape_.engine_deaths) {
      w.model = -1;
      plan(start + duration / 2, LeaseFailed{assign.worker, assign.unit.id, assign.lease, "died"});
      return;
    }
    w.computed_seconds += unit_seconds;
    plan(start + duration, LeaseSucceeded{assign.worker, assign.unit.id, assign.lease});
    // One for all: the scheduler only notes the time, and a simulation of each would take hours.
    for (double beat = 60; beat < duration; beat += 60)
      plan(start + beat, WorkerHeard{assign.worker, assign.lease});
  }

  void add_signs_of_life(double duration) {
    const double beats = duration / shape_.heartbeat_seconds;
    report_.messages += static_cast<std::int64_t>(beats);
    coordinator_seconds_ += beats * shape_.message_seconds;
  }

  ClusterReport summarize() {
    const double total = static_cast<double>(shape_.workers) * last_unit_at_;
    double busy = 0;
    double computed = 0;
    double busy_before_the_end = 0;
    for (const SimulatedWorker& w : workers_) {
      busy += w.busy_seconds;
      computed += w.computed_seconds;
    }
    // What is computed after the last assignment runs out at each worker's own time.
    for (std::size_t i = 1; i < workers_.size(); ++i) {
      const double overhang = std::max(0.0, workers_[i].idle_since - last_assignment_at_);
      busy_before_the_end += workers_[i].busy_seconds - overhang;
    }
    report_.hours = last_unit_at_ / 3600;
    report_.busy_share = busy / total;
    report_.computing_share = computed / total;
    report_.steady_busy_share =
        busy_before_the_end / (static_cast<double>(shape_.workers) * last_assignment_at_);
    report_.coordinator_share = coordinator_seconds_ / last_unit_at_;
    report_.each_unit_once = std::all_of(done_.begin(), done_.end(), [](int times) { return times == 1; });
    return report_;
  }

  ClusterShape shape_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_{0, 1};
  std::uniform_real_distribution<double> uniform_{0, 1};
  std::vector<SimulatedWorker> workers_;  // by id; 0 is unused
  Scheduler scheduler_;
  std::priority_queue<Happening, std::vector<Happening>, std::greater<>> happenings_;
  std::vector<int> done_;
  std::int64_t order_ = 0;
  double now_ = 0;
  double coordinator_free_at_ = 0;
  double coordinator_seconds_ = 0;
  double last_assignment_at_ = 0;
  double last_unit_at_ = 0;
  ClusterReport report_;
};

}  // namespace

ClusterReport simulate_cluster(const ClusterShape& shape, std::uint64_t seed) {
  return Cluster(shape, seed).run();
}

}  // namespace lacuna
