#include "worker/serve/worker_loop.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>

namespace lacuna {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kWait{1000};
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

// Passes records on and tells the coordinator now and then how far the unit is.
class ReportingSink : public RecordSink {
 public:
  ReportingSink(RecordSink& sink, WorkerChannel& channel, const RunUnit& task)
      : sink_(sink), channel_(channel), task_(task) {}

  void begin_unit(const WorkUnit& unit, std::int64_t layers) override {
    sink_.begin_unit(unit, layers);
    report();
  }

  void write(const QuestionRecord& record) override {
    sink_.write(record);
    ++questions_done_;
    keep_alive();
  }

  void commit_unit() override {
    sink_.commit_unit();
    committed_ = true;
  }

  void keep_alive() override {
    if (Clock::now() - reported_ >= kProgressInterval) report();
  }

  [[nodiscard]] bool committed() const { return committed_; }

 private:
  void report() {
    reported_ = Clock::now();
    channel_.send(
        UnitProgress{.unit = task_.unit.id, .lease = task_.lease, .questions_done = questions_done_});
  }

  RecordSink& sink_;
  WorkerChannel& channel_;
  const RunUnit& task_;
  std::int64_t questions_done_ = 0;
  bool committed_ = false;
  Clock::time_point reported_ = Clock::now();
};

class WorkerLoop {
 public:
  WorkerLoop(WorkerChannel& channel, const MakeWorkerEngine& make_engine)
      : channel_(channel), make_engine_(make_engine) {}

  ExitCode run() {
    while (!exit_code_) {
      const std::optional<CoordinatorMessage> received = channel_.receive(kWait);
      if (received) std::visit([this](const auto& message) { on(message); }, *received);
    }
    return *exit_code_;
  }

 private:
  void on(const StartWork& start) {
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
    const Clock::time_point start = Clock::now();
    try {
      if (!engine_) throw std::logic_error("the worker was given a unit before it was started");
      ReportingSink sink(*engine_->sink, channel_, task);
      engine_->executor->execute(task.unit, sink);
      if (!sink.committed()) throw std::logic_error("the unit was computed but not committed");
      const std::chrono::duration<double> elapsed = Clock::now() - start;
      channel_.send(UnitDone{.unit = task.unit.id, .lease = task.lease, .seconds = elapsed.count()});
    } catch (...) {
      channel_.send(UnitFailed{.unit = task.unit.id,
                               .lease = task.lease,
                               .reason = describe_current_exception(),
                               .storage_failed = current_exception_is_storage_error()});
    }
  }

  void on(const StillHere&) {}

  void on(const StopWork& stop) {
    channel_.send(WorkerLeft{});
    exit_code_ = stop.exit_code;
  }

  WorkerChannel& channel_;
  const MakeWorkerEngine& make_engine_;
  std::optional<WorkerEngine> engine_;
  std::optional<ExitCode> exit_code_;
};

}  // namespace

ExitCode serve_units(WorkerChannel& channel, const MakeWorkerEngine& make_engine) {
  return WorkerLoop(channel, make_engine).run();
}

}  // namespace lacuna
