#include "worker/serve/worker_loop.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace lacuna {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kWait{1000};
// While a part is being written, whose end nobody waits for otherwise.
constexpr std::chrono::milliseconds kWaitWhileWriting{2};
constexpr std::chrono::milliseconds kProgressInterval{500};

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string describe_current_exception() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return "out of memory; use a smaller compute.batch_tokens or a machine with more memory";
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an unknown failure";
  }
}

bool current_exception_is_storage_error() {
  try {
    throw;
  } catch (const StorageError&) {
    return true;
  } catch (...) {
    return false;
  }
}

ExitCode exit_code_of_current_exception() {
  try {
    throw;
  } catch (const Error& error) {
    return error.exit_code();
  } catch (...) {
    return ExitCode::kFailure;
  }
}

// The records of a unit, until they are written.
struct ComputedUnit {
  RunUnit task;
  Clock::time_point begun;
  std::int64_t layers = 0;
  std::vector<QuestionRecord> records;
  bool is_complete = false;
};

// Keeps the records and tells the coordinator now and then how far the unit is.
class CollectingSink : public RecordSink {
 public:
  // `on_sign_of_life` is called often.
  CollectingSink(ComputedUnit& computed, WorkerChannel& channel, std::function<void()> on_sign_of_life)
      : computed_(computed), channel_(channel), on_sign_of_life_(std::move(on_sign_of_life)) {}

  void begin_unit(const WorkUnit& /*unit*/, std::int64_t layers) override {
    computed_.layers = layers;
    computed_.records.clear();
    report();
  }

  void write(const QuestionRecord& record) override {
    computed_.records.push_back(record);
    keep_alive();
  }

  void commit_unit() override { computed_.is_complete = true; }

  void keep_alive() override {
    on_sign_of_life_();
    if (Clock::now() - reported_ >= kProgressInterval) report();
  }

 private:
  void report() {
    reported_ = Clock::now();
    channel_.send(UnitProgress{.unit = computed_.task.unit.id,
                               .lease = computed_.task.lease,
                               .questions_done = static_cast<std::int64_t>(computed_.records.size())});
  }

  ComputedUnit& computed_;
  WorkerChannel& channel_;
  std::function<void()> on_sign_of_life_;
  Clock::time_point reported_ = Clock::now();
};

void write_unit(const ComputedUnit& computed, RecordSink& sink) {
  sink.begin_unit(computed.task.unit, computed.layers);
  for (const QuestionRecord& record : computed.records) sink.write(record);
  sink.commit_unit();
}

// Only the thread that serves sends messages: a channel belongs to one thread.
class WorkerLoop {
 public:
  WorkerLoop(WorkerChannel& channel, const MakeWorkerEngine& make_engine)
      : channel_(channel), make_engine_(make_engine) {}

  ExitCode run() {
    while (!exit_code_) {
      report_if_written();
      const std::optional<CoordinatorMessage> received =
          channel_.receive(writing_.valid() ? kWaitWhileWriting : kWait);
      if (received) std::visit([this](const auto& message) { on(message); }, *received);
    }
    return *exit_code_;
  }

 private:
  void on(const StartWork& start) {
    finish_writing();  // with the sink that it began with
    try {
      engine_ = make_engine_(start);
      channel_.send(WorkerReady{.host = host_name(),
                                .process_id = getpid(),
                                .device = engine_->device,
                                .device_kind = engine_->device_kind,
                                .threads = engine_->threads});
    } catch (...) {
      channel_.send(WorkerFailed{.reason = describe_current_exception(),
                                 .exit_code = exit_code_of_current_exception()});
    }
  }

  void on(const RunUnit& task) {
    ComputedUnit computed{.task = task, .begun = Clock::now(), .records = {}};
    try {
      if (!engine_) throw std::logic_error("the worker was given a unit before it was started");
      CollectingSink sink(computed, channel_, [this] { report_if_written(); });
      engine_->executor->execute(task.unit, sink);
      if (!computed.is_complete) throw std::logic_error("the unit was computed but not committed");
    } catch (...) {
      report_failure(task);
      return;
    }
    // One unit at a time. Nothing is said meanwhile, so that a disk that hangs is noticed.
    finish_writing();
    start_writing(std::move(computed));
  }

  void start_writing(ComputedUnit computed) {
    const auto unit = std::make_shared<const ComputedUnit>(std::move(computed));
    const auto write = [unit, sink = engine_->sink.get()] {
      write_unit(*unit, *sink);
      return std::chrono::duration<double>(Clock::now() - unit->begun).count();
    };
    written_task_ = unit->task;
    try {
      writing_ = std::async(std::launch::async, write);
    } catch (const std::system_error&) {
      // No thread to be had: then in this one.
      writing_ = std::async(std::launch::deferred, write);
      finish_writing();
      return;
    }
    channel_.send(UnitComputed{.unit = written_task_.unit.id, .lease = written_task_.lease});
  }

  // Says what became of the unit that was being written, if that is known.
  void report_if_written() {
    if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      finish_writing();
    }
  }

  // Waits for it.
  void finish_writing() {
    if (!writing_.valid()) return;
    try {
      const double seconds = writing_.get();
      channel_.send(
          UnitDone{.unit = written_task_.unit.id, .lease = written_task_.lease, .seconds = seconds});
    } catch (...) {
      report_failure(written_task_);
    }
  }

  // Of the exception that is being handled.
  void report_failure(const RunUnit& task) {
    channel_.send(UnitFailed{.unit = task.unit.id,
                             .lease = task.lease,
                             .reason = describe_current_exception(),
                             .storage_failed = current_exception_is_storage_error()});
  }

  void on(const StillHere&) {}

  void on(const StopWork& stop) {
    finish_writing();
    channel_.send(WorkerLeft{});
    exit_code_ = stop.exit_code;
  }

  WorkerChannel& channel_;
  const MakeWorkerEngine& make_engine_;
  std::optional<WorkerEngine> engine_;
  RunUnit written_task_;
  // Of written_task_: seconds from its beginning to its commit. Behind engine_, so that it ends before that.
  std::future<double> writing_;
  std::optional<ExitCode> exit_code_;
};

}  // namespace

ExitCode serve_units(WorkerChannel& channel, const MakeWorkerEngine& make_engine) {
  return WorkerLoop(channel, make_engine).run();
}

}  // namespace lacuna
