#include "worker/serve/worker_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <new>
#include <thread>

#include "core/error.h"

namespace lacuna {
namespace {

using ::testing::HasSubstr;

// Plays a list of messages to the worker and keeps its answers.
class ScriptedChannel : public WorkerChannel {
 public:
  explicit ScriptedChannel(std::deque<CoordinatorMessage> script) : script_(std::move(script)) {}
  void send(const WorkerMessage& message) override {
    ASSERT_FALSE(has_left) << "WorkerLeft is the last word";
    has_left = std::holds_alternative<WorkerLeft>(message);
    if (!has_left) sent.push_back(message);
  }
  std::optional<CoordinatorMessage> receive(std::chrono::milliseconds) override {
    if (script_.empty()) throw std::logic_error("the worker went on after StopWork");
    CoordinatorMessage message = script_.front();
    script_.pop_front();
    return message;
  }
  std::vector<WorkerMessage> sent;  // but for the last word
  bool has_left = false;

 private:
  std::deque<CoordinatorMessage> script_;
};

class NullSink : public RecordSink {
 public:
  void begin_unit(const WorkUnit&, std::int64_t) override {}
  void write(const QuestionRecord&) override {}
  void commit_unit() override {}
};

class FunctionExecutor : public UnitExecutor {
 public:
  using Function = std::function<void(const WorkUnit&, RecordSink&)>;
  explicit FunctionExecutor(Function function) : function_(std::move(function)) {}
  void execute(const WorkUnit& unit, RecordSink& sink) override { function_(unit, sink); }

 private:
  Function function_;
};

MakeWorkerEngine engine_of(FunctionExecutor::Function function) {
  return [function](const StartWork&) {
    return WorkerEngine{.executor = std::make_unique<FunctionExecutor>(function),
                        .sink = std::make_unique<NullSink>(),
                        .device = "cpu 1",
                        .device_kind = "cpu",
                        .threads = 2};
  };
}

void commit_all(const WorkUnit& unit, RecordSink& sink) {
  sink.begin_unit(unit, 1);
  sink.commit_unit();
}

RunUnit task(const std::string& name, std::int64_t lease) {
  return {
      .unit = {.id = UnitId(name), .model = {}, .benchmark = {}, .first_question = {}, .question_count = 1},
      .lease = LeaseId(lease)};
}

TEST(WorkerLoop, ReportsReadyDoneAndEndsWithTheGivenCode) {
  ScriptedChannel channel({StartWork{}, task("u", 5), StopWork{ExitCode::kIncomplete}});
  EXPECT_EQ(serve_units(channel, engine_of(commit_all)), ExitCode::kIncomplete);
  ASSERT_EQ(channel.sent.size(), 4U);
  EXPECT_EQ(std::get<WorkerReady>(channel.sent[0]).device, "cpu 1");
  EXPECT_EQ(std::get<WorkerReady>(channel.sent[0]).device_kind, "cpu");
  EXPECT_EQ(std::get<WorkerReady>(channel.sent[0]).threads, 2);
  EXPECT_FALSE(std::get<WorkerReady>(channel.sent[0]).host.empty());
  EXPECT_EQ(std::get<UnitProgress>(channel.sent[1]).unit, UnitId("u"));
  EXPECT_EQ(std::get<UnitComputed>(channel.sent[2]).lease, LeaseId(5));
  EXPECT_EQ(std::get<UnitDone>(channel.sent[3]).lease, LeaseId(5));
}

TEST(WorkerLoop, AFailedUnitDoesNotEndTheWorker) {
  ScriptedChannel channel({StartWork{}, task("bad", 1), task("good", 2), StopWork{}});
  serve_units(channel, engine_of([](const WorkUnit& unit, RecordSink& sink) {
                if (unit.id == UnitId("bad")) throw InputError({.problem = "no such tensor"});
                commit_all(unit, sink);
              }));
  EXPECT_TRUE(channel.has_left);
  ASSERT_EQ(channel.sent.size(), 5U);
  const auto& failed = std::get<UnitFailed>(channel.sent[1]);
  EXPECT_EQ(failed.unit, UnitId("bad"));
  EXPECT_EQ(failed.lease, LeaseId(1));
  EXPECT_EQ(failed.reason, "no such tensor");
  EXPECT_EQ(std::get<UnitDone>(channel.sent[4]).unit, UnitId("good"));
}

// A disk that takes its time, and fails if it is asked for the unit "lost".
class SlowSink : public NullSink {
 public:
  explicit SlowSink(std::atomic<bool>& may_end, std::vector<std::string>& written)
      : may_end_(may_end), written_(written) {}
  void begin_unit(const WorkUnit& unit, std::int64_t layers) override {
    unit_ = unit.id;
    EXPECT_EQ(layers, 1);
  }
  void write(const QuestionRecord& record) override { written_.push_back(record.id.value()); }
  void commit_unit() override {
    while (!may_end_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (unit_ == UnitId("lost")) throw StorageError::reading("/r/parts/lost", EIO);
  }

 private:
  std::atomic<bool>& may_end_;
  std::vector<std::string>& written_;
  UnitId unit_;
};

TEST(WorkerLoop, WritesAUnitWhileItComputesTheNext) {
  std::atomic<bool> may_end = false;
  std::vector<std::string> written;
  ScriptedChannel channel({StartWork{}, task("lost", 1), task("next", 2), StopWork{}});
  serve_units(channel, [&](const StartWork&) {
    WorkerEngine engine = engine_of([&](const WorkUnit& unit, RecordSink& sink) {
      sink.begin_unit(unit, 1);
      QuestionRecord record;
      record.id = QuestionId(unit.id.value() + "'s question");
      sink.write(record);
      if (unit.id == UnitId("next")) {
        EXPECT_TRUE(std::holds_alternative<UnitProgress>(channel.sent.back()));
        may_end = true;
        // Its end is told as soon as anything is heard of the unit that is being computed.
        while (!std::holds_alternative<UnitFailed>(channel.sent.back())) sink.keep_alive();
      }
      sink.commit_unit();
    })({});
    engine.sink = std::make_unique<SlowSink>(may_end, written);
    return engine;
  });
  EXPECT_EQ(written, (std::vector<std::string>{"lost's question", "next's question"}));
  const auto failed = std::ranges::find_if(
      channel.sent, [](const auto& message) { return std::holds_alternative<UnitFailed>(message); });
  ASSERT_NE(failed, channel.sent.end());
  EXPECT_EQ(std::get<UnitFailed>(*failed).lease, LeaseId(1));
  EXPECT_TRUE(std::get<UnitFailed>(*failed).storage_failed);
  EXPECT_EQ(std::get<UnitDone>(channel.sent.back()).lease, LeaseId(2));
}

std::string reason_of(FunctionExecutor::Function function) {
  ScriptedChannel channel({StartWork{}, task("u", 1), StopWork{}});
  serve_units(channel, engine_of(std::move(function)));
  return std::get<UnitFailed>(channel.sent.back()).reason;
}

TEST(WorkerLoop, EveryKindOfFailureHasAReason) {
  EXPECT_THAT(reason_of([](const WorkUnit&, RecordSink&) { throw std::bad_alloc(); }),
              HasSubstr("out of memory"));
  EXPECT_EQ(reason_of([](const WorkUnit&, RecordSink&) { throw 3; }), "an unknown failure");
  EXPECT_THAT(reason_of([](const WorkUnit&, RecordSink&) {}), HasSubstr("not committed"));
}

TEST(WorkerLoop, AnEngineThatCannotBeMadeIsReportedAndTheWorkerWaitsForTheEnd) {
  ScriptedChannel channel({StartWork{}, task("u", 1), StopWork{ExitCode::kBadInput}});
  const MakeWorkerEngine broken = [](const StartWork&) -> WorkerEngine {
    throw InputError({.problem = "no GPU"});
  };
  EXPECT_EQ(serve_units(channel, broken), ExitCode::kBadInput);
  ASSERT_EQ(channel.sent.size(), 2U);
  EXPECT_EQ(std::get<WorkerFailed>(channel.sent[0]).reason, "no GPU");
  EXPECT_EQ(std::get<WorkerFailed>(channel.sent[0]).exit_code, ExitCode::kBadInput);
  EXPECT_THAT(std::get<UnitFailed>(channel.sent[1]).reason, HasSubstr("before it was started"));
}

}  // namespace
}  // namespace lacuna
