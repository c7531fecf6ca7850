// Stand-ins for inference and the store: an executor that "computes" a unit by writing a record a question,
// and a sink that remembers what was committed.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "worker/serve/worker_loop.h"

namespace lacuna::testing {

// What all workers of a test have committed: how often, by unit. Safe to use from several threads.
class CommittedUnits {
 public:
  void add(const UnitId& unit) {
    const std::lock_guard lock(mutex_);
    ++counts_[unit];
  }
  [[nodiscard]] std::map<UnitId, int> counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<UnitId, int> counts_;
};

class FakeSink : public RecordSink {
 public:
  explicit FakeSink(CommittedUnits& committed) : committed_(committed) {}
  void begin_unit(const WorkUnit& unit, std::int64_t) override { unit_ = unit; }
  void write(const QuestionRecord&) override { ++written_; }
  void commit_unit() override {
    if (written_ < unit_.question_count) throw std::logic_error("questions are missing");
    written_ = 0;
    committed_.add(unit_.id);
  }

 private:
  CommittedUnits& committed_;
  WorkUnit unit_;
  std::int64_t written_ = 0;
};

class FakeExecutor : public UnitExecutor {
 public:
  // `before_commit` may throw; it is told the unit.
  explicit FakeExecutor(std::function<void(const WorkUnit&)> before_commit = {})
      : before_commit_(std::move(before_commit)) {}
  void execute(const WorkUnit& unit, RecordSink& sink) override {
    sink.begin_unit(unit, 4);
    for (std::int64_t i = 0; i < unit.question_count; ++i) sink.write(QuestionRecord{});
    if (before_commit_) before_commit_(unit);
    sink.commit_unit();
  }

 private:
  std::function<void(const WorkUnit&)> before_commit_;
};

inline MakeWorkerEngine make_fake_engine(CommittedUnits& committed,
                                         std::function<void(const WorkUnit&)> before_commit = {}) {
  return [&committed, before_commit](const StartWork&) {
    return WorkerEngine{.executor = std::make_unique<FakeExecutor>(before_commit),
                        .sink = std::make_unique<FakeSink>(committed),
                        .device = "fake",
                        .device_kind = "cpu",
                        .threads = 1};
  };
}

inline WorkUnit make_unit(const std::string& name, std::int32_t model = 0, std::int64_t questions = 4) {
  return {.id = UnitId(name),
          .model = ModelIndex(model),
          .benchmark = BenchmarkIndex(0),
          .stream = StreamKind::kShared,
          .first_question = QuestionIndex(0),
          .question_count = questions};
}

// `count` units named m<model>u<position>.
inline std::vector<WorkUnit> make_units(std::int32_t model, int count, std::int64_t questions = 4) {
  std::vector<WorkUnit> units;
  for (int i = 0; i < count; ++i) {
    units.push_back(make_unit(fmt::format("m{}u{}", model, i), model, questions));
  }
  return units;
}

inline std::vector<WorkUnit> join(std::vector<WorkUnit> a, const std::vector<WorkUnit>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace lacuna::testing
