#include "orchestrator/coordinator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "core/log.h"

namespace lacuna {
namespace {

using Clock = std::chrono::steady_clock;

const WorkerId kCoordinatorItself(0);
// Signals that come within this time are one request.
constexpr std::chrono::milliseconds kOneSignal{1000};

class Coordinator {
 public:
  Coordinator(CoordinatorChannel& channel, const std::vector<WorkUnit>& units, const EarlierWork& earlier,
              ProgressPrinter& progress, const CoordinatorOptions& options)
      : channel_(channel),
        progress_(progress),
        options_(options),
        scheduler_(units, options.scheduler),
        device_kinds_(earlier.device_kinds) {
    shown_.units_done = earlier.units;
    shown_.units_total = earlier.units + static_cast<std::int64_t>(units.size());
    shown_.questions_done = shown_.questions_total = earlier.questions;
    for (const WorkUnit& unit : units) shown_.questions_total += unit.question_count;
  }

  SweepOutcome run(const StartWork& start) {
    if (!scheduler_.is_finished()) {
      for (const WorkerId worker : channel_.workers()) channel_.send(worker, start);
      while (!scheduler_.is_finished() && !has_no_hope() && !time_is_up()) step();
    }
    show_progress();
    progress_.finish();
    if (options_.on_tick) options_.on_tick(make_snapshot());
    outcome_.completed_units = scheduler_.completed_units();
    outcome_.set_aside = scheduler_.set_aside();
    outcome_.unfinished_units = scheduler_.open_units();
    return std::move(outcome_);
  }

 private:
  // No worker computes or will: all have failed to come up or are lost, or draining has ended.
  [[nodiscard]] bool has_no_hope() const {
    const bool all_answered =
        outcome_.workers.size() + outcome_.failed_workers.size() >= channel_.workers().size();
    return scheduler_.is_idle() && (all_answered || draining_);
  }

  [[nodiscard]] bool time_is_up() const { return drop_units_at_ && Clock::now() >= *drop_units_at_; }

  void step() {
    if (options_.take_stop_signal) {
      if (const auto signal = options_.take_stop_signal()) on_stop_signal(*signal, kCoordinatorItself);
    }
    beat();
    const std::optional<FromWorker> received = channel_.receive(options_.poll);
    if (received) {
      std::visit([&](const auto& message) { on(received->worker, message); }, received->message);
    } else {
      handle(TimePassed{});
    }
    show_progress();
  }

  void beat() {
    const Clock::time_point now = Clock::now();
    if (now - last_beat_ < options_.beat) return;
    last_beat_ = now;
    for (const WorkerId worker : channel_.workers()) channel_.send(worker, StillHere{});
    if (options_.startup.count() > 0 && now - start_ > options_.startup) give_up_absent_workers();
    if (options_.on_tick) options_.on_tick(make_snapshot());
  }

  [[nodiscard]] SweepSnapshot make_snapshot() const {
    SweepSnapshot snapshot{.progress = progress_state(),
                           .questions_per_second = progress_.meter().rate(),
                           .remaining = progress_.meter().remaining(),
                           .in_flight = {},
                           .is_stopping = draining_,
                           .last_error = last_error_};
    for (const auto& [unit, flight] : in_flight_) {
      snapshot.in_flight.push_back(
          {.worker = flight.worker, .unit = unit, .elapsed = Clock::now() - flight.since});
    }
    return snapshot;
  }

  void give_up_absent_workers() {
    for (const WorkerId worker : channel_.workers()) {
      if (outcome_.workers.contains(worker) || outcome_.failed_workers.contains(worker)) continue;
      on(worker, WorkerFailed{.reason = "it did not start in time", .exit_code = ExitCode::kFailure});
    }
  }

  void drain(const std::string& why) {
    if (draining_) return;
    draining_ = true;
    progress_.print_line(
        fmt::format("stopping ({}): no more units are handed out, those in flight are finished", why));
    log_info("draining: {}", why);
    drop_units_at_ = Clock::now() + options_.grace;
    handle(DrainRequested{});
  }

  void on_stop_signal(const std::string& signal, WorkerId receiver) {
    // Every rank of a job may get the signal, sooner or later; a second one to the same rank is impatience.
    const bool is_first_here = signalled_.insert(receiver).second;
    if (outcome_.stop_signal) {
      if (!is_first_here && Clock::now() - stopped_at_ > kOneSignal) drop_units_at_ = Clock::now();
      return;
    }
    outcome_.stop_signal = signal;
    stopped_at_ = Clock::now();
    drain(signal);
  }

  void on(WorkerId worker, const WorkerReady& message) {
    log_info("worker {} is ready: {} process {}, {}, {} threads", worker, message.host, message.process_id,
             message.device, message.threads);
    announce_device(worker, message);
    outcome_.workers[worker] = message;
    outcome_.failed_workers.erase(worker);
    handle(WorkerJoined{worker});
  }

  // One line for each kind of device, and a warning where a run's numbers come from two.
  void announce_device(WorkerId worker, const WorkerReady& message) {
    if (!announced_device_kinds_.insert(message.device_kind).second) return;
    progress_.print_line(fmt::format("worker {} on {} computes on {}, {} threads", worker, message.host,
                                     message.device, message.threads));
    const bool is_mixed = !device_kinds_.empty() && !device_kinds_.contains(message.device_kind);
    if (is_mixed) {
      progress_.print_line(
          fmt::format("warning: other numbers of this run come from {}: {} may differ in the last bits",
                      fmt::join(device_kinds_, " and "), message.device_kind));
    }
    if (device_kinds_.insert(message.device_kind).second && options_.on_device_kind) {
      options_.on_device_kind(message.device_kind);
    }
  }

  void on(WorkerId worker, const WorkerFailed& message) {
    last_error_ = fmt::format("worker {}: {}", worker, message.reason);
    log_error("worker {} failed: {}", worker, message.reason);
    progress_.print_line(fmt::format("worker {} failed: {}", worker, message.reason));
    outcome_.workers.erase(worker);
    outcome_.failed_workers[worker] = message;
    handle(WorkerLost{worker, message.reason});
  }

  void on(WorkerId worker, const StopRequested& message) {
    log_info("worker {} got {}", worker, message.signal);
    on_stop_signal(message.signal, worker);
  }

  void on(WorkerId, const WorkerLeft&) {}

  void on(WorkerId worker, const UnitProgress& message) {
    note_progress(message.unit, message.questions_done);
    handle(WorkerHeard{worker, message.lease});
  }

  void on(WorkerId worker, const UnitComputed& message) {
    handle(LeaseComputed{worker, message.unit, message.lease});
  }

  void on(WorkerId worker, const UnitDone& message) {
    log_info("unit {} is done by worker {} in {:.3f} s", message.unit, worker, message.seconds);
    handle(LeaseSucceeded{worker, message.unit, message.lease});
  }

  void on(WorkerId worker, const UnitFailed& message) {
    last_error_ = fmt::format("unit {}: {}", message.unit, message.reason);
    log_warning("unit {} failed on worker {}: {}", message.unit, worker, message.reason);
    if (message.storage_failed && !outcome_.storage_failure) {
      outcome_.storage_failure = message.reason;
      drain("the disk fails");
    }
    handle(LeaseFailed{worker, message.unit, message.lease, message.reason, !message.storage_failed});
  }

  void handle(const SchedulerEvent& event) {
    const auto now = std::chrono::duration_cast<SchedulerTime>(Clock::now() - start_);
    for (const SchedulerAction& action : scheduler_.handle(event, now)) {
      std::visit([this](const auto& a) { perform(a); }, action);
    }
    for (const CommitLost& lost : std::exchange(lost_commits_, {})) handle(lost);
  }

  void perform(const AssignUnit& action) {
    log_info("unit {} goes to worker {} (lease {})", action.unit.id, action.worker, action.lease);
    in_flight_.try_emplace(action.unit.id).first->second = {
        .worker = action.worker, .since = Clock::now(), .questions_done = 0};
    channel_.send(action.worker, RunUnit{.unit = action.unit, .lease = action.lease});
  }

  void perform(const UnitCompleted& action) {
    forget_progress(action.unit.id);
    ++shown_.units_done;
    shown_.questions_done += action.unit.question_count;
    if (!options_.on_unit_done) return;
    std::vector<CommitLost> lost = options_.on_unit_done(action.unit.id);
    std::ranges::move(lost, std::back_inserter(lost_commits_));
  }

  void perform(const UnitReopened& action) {
    --shown_.units_done;
    shown_.questions_done -= action.unit.question_count;
  }

  void perform(const UnitRetried& action) {
    forget_progress(action.unit);
    progress_.print_line(
        fmt::format("unit {} failed and will be tried again: {}", action.unit, action.reason));
  }

  void perform(const UnitSetAside& action) {
    log_error("unit {} is set aside: {}", action.unit, action.reason);
    forget_progress(action.unit);
    ++shown_.units_failed;
    progress_.print_line(
        fmt::format("unit {} failed too often and is set aside: {}", action.unit, action.reason));
    if (options_.on_set_aside) options_.on_set_aside(action.unit, action.reason);
  }

  void perform(const WorkerExpired& action) {
    log_warning("worker {} gave no sign of life", action.worker);
    progress_.print_line(
        fmt::format("worker {} gave no sign of life; what it had goes to another one", action.worker));
  }

  // A late word of a worker whose unit somebody else has finished must not count.
  void note_progress(const UnitId& unit, std::int64_t questions) {
    const auto found = in_flight_.find(unit);
    if (found == in_flight_.end()) return;
    questions_in_flight_ += questions - found->second.questions_done;
    found->second.questions_done = questions;
  }

  void forget_progress(const UnitId& unit) {
    note_progress(unit, 0);
    in_flight_.erase(unit);
  }

  [[nodiscard]] ProgressState progress_state() const {
    ProgressState state = shown_;
    state.questions_done += questions_in_flight_;
    state.workers = scheduler_.live_workers();
    return state;
  }

  void show_progress() { progress_.update(progress_state()); }

  CoordinatorChannel& channel_;
  ProgressPrinter& progress_;
  const CoordinatorOptions& options_;
  Scheduler scheduler_;
  SweepOutcome outcome_;
  ProgressState shown_;  // without what is in flight
  struct Flight {
    WorkerId worker;
    Clock::time_point since;
    std::int64_t questions_done = 0;
  };
  std::map<UnitId, Flight> in_flight_;
  std::int64_t questions_in_flight_ = 0;  // the sum of their questions done
  std::vector<CommitLost> lost_commits_;  // that the scheduler does not know of yet
  std::string last_error_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_beat_;  // long ago: the first one comes at once
  Clock::time_point stopped_at_;
  std::set<WorkerId> signalled_;
  std::set<std::string> device_kinds_;              // of the whole run
  std::set<std::string> announced_device_kinds_;    // of this session
  std::optional<Clock::time_point> drop_units_at_;  // once draining: the end of patience
  bool draining_ = false;
};

}  // namespace

SweepOutcome coordinate(CoordinatorChannel& channel, const StartWork& start,
                        const std::vector<WorkUnit>& units, const EarlierWork& earlier,
                        ProgressPrinter& progress, const CoordinatorOptions& options) {
  return Coordinator(channel, units, earlier, progress, options).run(start);
}

std::set<WorkerId> stop_workers(CoordinatorChannel& channel, ExitCode exit_code,
                                std::chrono::milliseconds patience) {
  std::set<WorkerId> missing;
  for (const WorkerId worker : channel.workers()) {
    channel.send(worker, StopWork{exit_code});
    missing.insert(worker);
  }
  const Clock::time_point deadline = Clock::now() + patience;
  while (!missing.empty() && Clock::now() < deadline) {
    const auto received = channel.receive(std::chrono::milliseconds(50));
    if (received && std::holds_alternative<WorkerLeft>(received->message)) missing.erase(received->worker);
  }
  return missing;
}

}  // namespace lacuna
