#include "orchestrator/engine_supervisor.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>

namespace lacuna {
namespace {

using Clock = std::chrono::steady_clock;

// Between looks at the two channels; the engine's wakes it at once, so this delays only the coordinator's
// words.
constexpr std::chrono::milliseconds kShortestWait{1};
constexpr std::chrono::milliseconds kLongestWait{10};
// While the engine computes there is nothing to expect from the coordinator but the end.
constexpr std::chrono::milliseconds kLongestBusyWait{100};
// A coordinator that hashes a terabyte of weights says nothing for long; one that is gone must not hold a job
// for ever.
constexpr std::chrono::milliseconds kPreparation{std::chrono::hours(2)};
// How long an engine that computes nothing may take to end by itself.
constexpr std::chrono::milliseconds kFarewell{5000};

class Supervisor {
 public:
  Supervisor(WorkerChannel& coordinator, EngineLauncher& launcher,
             const std::function<SupervisorOptions(const StartWork&)>& make_options,
             const TakeStopSignal& take_stop_signal)
      : coordinator_(coordinator),
        launcher_(launcher),
        make_options_(make_options),
        take_stop_signal_(take_stop_signal) {}

  std::optional<ExitCode> run() {
    std::chrono::milliseconds wait = kShortestWait;
    while (!exit_code_ && !coordinator_is_gone_) {
      report_stop_signal();
      wait = step(wait) ? kShortestWait : std::min(2 * wait, is_computing_ ? kLongestBusyWait : kLongestWait);
    }
    return exit_code_;
  }

 private:
  // True if anything happened.
  bool step(std::chrono::milliseconds wait) {
    bool something = false;
    if (const auto message = coordinator_.receive(engine_ ? std::chrono::milliseconds(0) : wait)) {
      something = true;
      last_word_of_coordinator_ = Clock::now();
      std::visit([this](const auto& m) { on(m); }, *message);
    }
    if (exit_code_) return true;
    if (engine_) something |= step_engine(wait);
    const auto patience = start_ ? options_.coordinator_silence : kPreparation;
    if (patience.count() > 0 && Clock::now() - last_word_of_coordinator_ > patience) {
      engine_.reset();
      coordinator_is_gone_ = true;
    }
    return something;
  }

  bool step_engine(std::chrono::milliseconds wait) {
    if (const auto message = engine_->receive(wait)) {
      last_word_of_engine_ = Clock::now();
      std::visit([this](const auto& m) { pass_on(m); }, *message);
      return true;
    }
    if (const auto end = engine_->find_end()) {
      on_engine_end(*end);
      return true;
    }
    const bool is_expected_to_speak = is_computing_ || writing_ || !is_ready_;
    if (is_expected_to_speak && options_.heartbeat.count() > 0 &&
        Clock::now() - last_word_of_engine_ > options_.heartbeat) {
      hang_ = fmt::format("made no progress for {} s and was killed",
                          std::chrono::duration_cast<std::chrono::seconds>(options_.heartbeat).count());
      engine_->kill();
      last_word_of_engine_ = Clock::now();  // once is enough
    }
    return false;
  }

  // --- from the coordinator

  void on(const StartWork& start) {
    start_ = start;
    options_ = make_options_(start);
    was_announced_ = false;
    failed_starts_ = 0;
    start_engine();
  }

  void on(const RunUnit& task) {
    if (!engine_) {
      coordinator_.send(UnitFailed{.unit = task.unit.id,
                                   .lease = task.lease,
                                   .reason = "the worker has no engine",
                                   .storage_failed = false});
      return;
    }
    task_ = task;
    if (is_ready_) hand_over_task();
  }

  void hand_over_task() {
    last_word_of_engine_ = Clock::now();
    is_computing_ = true;
    engine_->send(*task_);
  }

  void on(const StopWork& stop) {
    exit_code_ = stop.exit_code;
    stop_engine(stop);
    coordinator_.send(WorkerLeft{});
  }

  void stop_engine(const StopWork& stop) {
    if (!engine_) return;
    if (!task_ && !writing_) {
      engine_->send(stop);
      const Clock::time_point deadline = Clock::now() + kFarewell;
      while (!engine_->find_end() && Clock::now() < deadline) engine_->receive(kLongestWait);
    }
    engine_.reset();  // what is still computing or writing is killed: nobody waits for it
  }

  void on(const StillHere&) {}

  // --- from the engine

  void pass_on(const WorkerReady& message) {
    is_ready_ = true;
    failed_starts_ = 0;
    // What engines compute on is decided once, by the first one.
    start_->device_kind = message.device_kind;
    // The coordinator takes a second one for a restart of this worker, which it was told of as a failure.
    if (!was_announced_) coordinator_.send(message);
    was_announced_ = true;
    // A unit that came while this engine was starting.
    if (task_) hand_over_task();
  }

  void pass_on(const WorkerFailed& message) {
    // A later engine that cannot do what the first one did has lost something, which may come back.
    if (was_announced_ && ++failed_starts_ < options_.failed_starts) {
      engine_.reset();
      start_engine();
      return;
    }
    forget_tasks();    // the coordinator takes them back with the worker
    is_ready_ = true;  // it waits for StopWork
    coordinator_.send(message);
  }

  void pass_on(const UnitComputed& message) {
    if (task_ && task_->lease == message.lease) {
      writing_ = task_;
      forget_task();
    }
    coordinator_.send(message);
  }

  void pass_on(const UnitDone& message) {
    forget_lease(message.lease);
    coordinator_.send(message);
  }

  void pass_on(const UnitFailed& message) {
    forget_lease(message.lease);
    coordinator_.send(message);
  }

  void pass_on(const UnitProgress& message) { coordinator_.send(message); }
  void pass_on(const StopRequested&) {}
  void pass_on(const WorkerLeft&) {}

  // --- its life

  void start_engine() {
    is_ready_ = false;
    is_computing_ = false;
    hang_.clear();
    last_word_of_engine_ = Clock::now();
    try {
      engine_ = launcher_.launch();
      engine_->send(*start_);
    } catch (const std::exception& error) {
      engine_.reset();
      forget_tasks();
      coordinator_.send(WorkerFailed{.reason = error.what(), .exit_code = ExitCode::kFailure});
    }
  }

  void on_engine_end(const std::string& end) {
    const std::string reason =
        fmt::format("the engine process {} {}", engine_->process_id(), hang_.empty() ? end : hang_);
    engine_.reset();
    if (const auto written = std::exchange(writing_, std::nullopt)) report_lost_unit(*written, reason);
    // A unit that the engine never got waits for the next one.
    if (is_computing_) {
      report_lost_unit(*task_, reason);
      forget_task();
    }
    if (!is_ready_ && ++failed_starts_ >= options_.failed_starts) {
      forget_tasks();  // the coordinator takes them back with the worker
      coordinator_.send(
          WorkerFailed{.reason = reason + " before it was ready", .exit_code = ExitCode::kFailure});
      return;
    }
    start_engine();
  }

  void report_lost_unit(const RunUnit& task, const std::string& reason) {
    UnitFailed failure{.unit = task.unit.id, .lease = task.lease, .reason = reason, .storage_failed = false};
    bool is_committed = false;
    try {
      is_committed = options_.is_committed && options_.is_committed(task.unit);
    } catch (const StorageError& error) {
      failure.reason = error.what();
      failure.storage_failed = true;
    }
    if (is_committed) {
      coordinator_.send(UnitDone{.unit = task.unit.id, .lease = task.lease, .seconds = 0});
    } else {
      coordinator_.send(failure);
    }
  }

  void forget_task() {
    task_.reset();
    is_computing_ = false;
  }

  void forget_tasks() {
    forget_task();
    writing_.reset();
  }

  void forget_lease(LeaseId lease) {
    if (writing_ && writing_->lease == lease) {
      writing_.reset();
    } else {
      forget_task();
    }
  }

  void report_stop_signal() {
    if (!take_stop_signal_) return;
    if (const auto signal = take_stop_signal_()) coordinator_.send(StopRequested{.signal = *signal});
  }

  WorkerChannel& coordinator_;
  EngineLauncher& launcher_;
  const std::function<SupervisorOptions(const StartWork&)>& make_options_;
  const TakeStopSignal& take_stop_signal_;
  SupervisorOptions options_;
  std::optional<StartWork> start_;
  std::unique_ptr<Engine> engine_;
  std::optional<RunUnit> task_;     // what the engine computes, or will when it is ready
  bool is_computing_ = false;       // the engine has it
  std::optional<RunUnit> writing_;  // what the engine has computed and not yet committed
  std::string hang_;                // why it was killed
  bool is_ready_ = false;           // the engine has answered StartWork
  bool was_announced_ = false;
  int failed_starts_ = 0;
  Clock::time_point last_word_of_engine_;
  Clock::time_point last_word_of_coordinator_ = Clock::now();
  std::optional<ExitCode> exit_code_;
  bool coordinator_is_gone_ = false;
};

}  // namespace

std::optional<ExitCode> supervise_engine(
    WorkerChannel& coordinator, EngineLauncher& launcher,
    const std::function<SupervisorOptions(const StartWork&)>& make_options,
    const TakeStopSignal& take_stop_signal) {
  return Supervisor(coordinator, launcher, make_options, take_stop_signal).run();
}

}  // namespace lacuna
