// The supervisor between a scripted coordinator and engines that do as they are told.
#include "orchestrator/engine_supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <deque>
#include <memory>
#include <set>
#include <vector>

#include "core/error.h"

namespace lacuna {
namespace {

using ::testing::HasSubstr;

WorkUnit make_unit(const std::string& name) {
  WorkUnit unit;
  unit.id = UnitId(name);
  unit.question_count = 1;
  return unit;
}

RunUnit make_task(const std::string& name, std::int64_t lease) {
  return {.unit = make_unit(name), .lease = LeaseId(lease)};
}

// What an engine does with a unit.
enum class Behaviour {
  kComputes,
  kDies,
  kDiesAfterCommit,
  kHangs,
  kDiesAtStart,
  kFailsAtStart,
  kNeverWrites
};

// Everything the parts of a test see of each other.
struct Scene {
  std::deque<Behaviour> behaviours;  // of the engines, in the order of their start; then kComputes
  std::vector<std::string> events;   // of engines: "start 1", "run u on 1", "kill 2"
  std::vector<WorkerMessage> answers;
  std::set<std::string> committed;
  bool disk_fails = false;                // when asked what is committed
  std::vector<std::string> device_kinds;  // that engines were told to compute on
  int engines = 0;
};

class ScriptedEngine : public Engine {
 public:
  ScriptedEngine(Scene& scene, int number, Behaviour behaviour)
      : scene_(scene), number_(number), behaviour_(behaviour) {}

  void send(const CoordinatorMessage& message) override {
    if (const auto* const start = std::get_if<StartWork>(&message)) {
      scene_.device_kinds.push_back(start->device_kind);
      scene_.events.push_back(fmt::format("start {}", number_));
      if (behaviour_ == Behaviour::kDiesAtStart) {
        end_ = "ended with exit code 7";
      } else if (behaviour_ == Behaviour::kFailsAtStart) {
        words_.push_back(WorkerFailed{.reason = "the GPU is gone", .exit_code = ExitCode::kFailure});
      } else {
        words_.push_back(WorkerReady{
            .host = "h", .process_id = number_, .device = "d", .device_kind = "cuda", .threads = 1});
      }
    } else if (const auto* const task = std::get_if<RunUnit>(&message)) {
      scene_.events.push_back(fmt::format("run {} on {}", task->unit.id, number_));
      compute(*task);
    } else if (std::holds_alternative<StopWork>(message)) {
      end_ = "ended with exit code 0";
    }
  }

  std::optional<WorkerMessage> receive(std::chrono::milliseconds) override {
    if (words_.empty()) return std::nullopt;
    WorkerMessage word = words_.front();
    words_.pop_front();
    return word;
  }

  std::optional<std::string> find_end() override { return words_.empty() ? end_ : std::nullopt; }
  void kill() override {
    scene_.events.push_back(fmt::format("kill {}", number_));
    end_ = "was killed by signal 9 (Killed)";
  }
  [[nodiscard]] std::int64_t process_id() const override { return number_; }

 private:
  void compute(const RunUnit& task) {
    if (behaviour_ == Behaviour::kHangs) return;
    if (behaviour_ == Behaviour::kNeverWrites) {
      // Dies with the second unit, while the first is being written.
      if (has_computed_) end_ = "was killed by signal 9 (Killed)";
      if (!has_computed_) words_.push_back(UnitComputed{.unit = task.unit.id, .lease = task.lease});
      has_computed_ = true;
      return;
    }
    if (behaviour_ == Behaviour::kDies) end_ = "was killed by signal 11 (Segmentation fault)";
    if (behaviour_ == Behaviour::kDiesAfterCommit) {
      scene_.committed.insert(task.unit.id.value());
      end_ = "was killed by signal 9 (Killed)";
    }
    if (end_) return;
    words_.push_back(UnitProgress{.unit = task.unit.id, .lease = task.lease, .questions_done = 1});
    words_.push_back(UnitDone{.unit = task.unit.id, .lease = task.lease, .seconds = 2});
  }

  Scene& scene_;
  int number_;
  Behaviour behaviour_;
  std::deque<WorkerMessage> words_;
  std::optional<std::string> end_;
  bool has_computed_ = false;
};

class ScriptedLauncher : public EngineLauncher {
 public:
  explicit ScriptedLauncher(Scene& scene) : scene_(scene) {}
  std::unique_ptr<Engine> launch() override {
    Behaviour behaviour = Behaviour::kComputes;
    if (!scene_.behaviours.empty()) {
      behaviour = scene_.behaviours.front();
      scene_.behaviours.pop_front();
    }
    return std::make_unique<ScriptedEngine>(scene_, ++scene_.engines, behaviour);
  }

 private:
  Scene& scene_;
};

// Sends a list of tasks, the next one when the last was answered, then StopWork.
class ScriptedCoordinator : public WorkerChannel {
 public:
  ScriptedCoordinator(Scene& scene, std::deque<CoordinatorMessage> script, bool falls_silent = false)
      : scene_(scene), script_(std::move(script)), falls_silent_(falls_silent) {}

  void send(const WorkerMessage& message) override {
    scene_.answers.push_back(message);
    const bool is_answer =
        !std::holds_alternative<UnitProgress>(message) && !std::holds_alternative<StopRequested>(message);
    if (is_answer) is_waiting_ = false;
  }
  std::optional<CoordinatorMessage> receive(std::chrono::milliseconds) override {
    if (is_waiting_) return std::nullopt;
    if (script_.empty()) {
      if (falls_silent_) return std::nullopt;
      return StopWork{.exit_code = ExitCode::kIncomplete};
    }
    CoordinatorMessage message = script_.front();
    script_.pop_front();
    is_waiting_ = !std::holds_alternative<StillHere>(message);
    return message;
  }

 private:
  Scene& scene_;
  std::deque<CoordinatorMessage> script_;
  bool falls_silent_;
  bool is_waiting_ = false;
};

std::optional<ExitCode> supervise(Scene& scene, std::deque<CoordinatorMessage> tasks,
                                  SupervisorOptions options = {}, bool coordinator_falls_silent = false) {
  tasks.emplace_front(StartWork{.experiment_json = "{}", .run_directory = "/r", .fingerprint = "f"});
  ScriptedCoordinator coordinator(scene, std::move(tasks), coordinator_falls_silent);
  ScriptedLauncher launcher(scene);
  options.is_committed = [&scene](const WorkUnit& unit) {
    if (scene.disk_fails) throw StorageError::reading("/r/parts/x", EIO);
    return scene.committed.contains(unit.id.value());
  };
  return supervise_engine(coordinator, launcher, [&](const StartWork&) { return options; }, {});
}

template <class Message>
std::vector<Message> answers_of(const Scene& scene) {
  std::vector<Message> found;
  for (const WorkerMessage& message : scene.answers) {
    if (const auto* const m = std::get_if<Message>(&message)) found.push_back(*m);
  }
  return found;
}

TEST(EngineSupervisor, ADiskThatCannotSayWhetherAUnitIsCommittedIsNotTheUnitsFault) {
  Scene scene;
  scene.behaviours = {Behaviour::kDiesAfterCommit};
  scene.disk_fails = true;
  EXPECT_EQ(supervise(scene, {make_task("u", 1)}), ExitCode::kIncomplete);
  const auto failures = answers_of<UnitFailed>(scene);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_TRUE(failures[0].storage_failed);
  EXPECT_EQ(failures[0].reason, StorageError::reading("/r/parts/x", EIO).what());
}

TEST(EngineSupervisor, PassesMessagesOn) {
  Scene scene;
  EXPECT_EQ(supervise(scene, {make_task("u", 1), make_task("v", 2)}), ExitCode::kIncomplete);
  EXPECT_EQ(answers_of<WorkerReady>(scene).size(), 1U);
  EXPECT_EQ(answers_of<UnitProgress>(scene).size(), 2U);
  ASSERT_EQ(answers_of<UnitDone>(scene).size(), 2U);
  EXPECT_EQ(answers_of<UnitDone>(scene)[1].lease, LeaseId(2));
  EXPECT_EQ(scene.events, (std::vector<std::string>{"start 1", "run u on 1", "run v on 1"}));
}

TEST(EngineSupervisor, AnEngineThatDiesFailsItsUnitAndIsReplacedSilently) {
  Scene scene;
  scene.behaviours = {Behaviour::kDies};
  EXPECT_EQ(supervise(scene, {make_task("u", 1), make_task("u", 2)}), ExitCode::kIncomplete);
  ASSERT_EQ(answers_of<UnitFailed>(scene).size(), 1U);
  const UnitFailed failed = answers_of<UnitFailed>(scene).front();
  EXPECT_EQ(failed.lease, LeaseId(1));
  EXPECT_THAT(failed.reason, HasSubstr("killed by signal 11"));
  EXPECT_FALSE(failed.storage_failed);
  ASSERT_EQ(answers_of<UnitDone>(scene).size(), 1U);
  EXPECT_EQ(answers_of<WorkerReady>(scene).size(), 1U) << "a second one would mean a restarted worker";
  EXPECT_EQ(scene.engines, 2);
}

TEST(EngineSupervisor, AnEngineThatDiesWhileItWritesFailsBothUnits) {
  Scene scene;
  scene.behaviours = {Behaviour::kNeverWrites};
  EXPECT_EQ(supervise(scene, {make_task("u", 1), make_task("v", 2), make_task("u", 3)}),
            ExitCode::kIncomplete);
  ASSERT_EQ(answers_of<UnitComputed>(scene).size(), 1U);
  const auto failures = answers_of<UnitFailed>(scene);
  ASSERT_EQ(failures.size(), 2U);
  EXPECT_EQ(failures[0].lease, LeaseId(1));
  EXPECT_EQ(failures[1].lease, LeaseId(2));
  ASSERT_EQ(answers_of<UnitDone>(scene).size(), 1U);
  EXPECT_EQ(answers_of<UnitDone>(scene).front().lease, LeaseId(3));
  EXPECT_EQ(scene.events,
            (std::vector<std::string>{"start 1", "run u on 1", "run v on 1", "start 2", "run u on 2"}));
}

TEST(EngineSupervisor, AUnitThatWasWrittenBeforeTheDeathIsDone) {
  Scene scene;
  scene.behaviours = {Behaviour::kNeverWrites};
  scene.committed = {"u"};
  supervise(scene, {make_task("u", 1), make_task("v", 2)});
  ASSERT_EQ(answers_of<UnitDone>(scene).size(), 1U);
  EXPECT_EQ(answers_of<UnitDone>(scene).front().lease, LeaseId(1));
  ASSERT_EQ(answers_of<UnitFailed>(scene).size(), 1U);
  EXPECT_EQ(answers_of<UnitFailed>(scene).front().lease, LeaseId(2));
}

TEST(EngineSupervisor, AnEngineThatHangsWhileItWritesIsKilled) {
  Scene scene;
  scene.behaviours = {Behaviour::kNeverWrites};
  SupervisorOptions options;
  options.heartbeat = std::chrono::milliseconds(30);
  // The coordinator has no second unit for it.
  options.coordinator_silence = std::chrono::milliseconds(500);
  EXPECT_EQ(supervise(scene, {make_task("u", 1)}, options, /*coordinator_falls_silent=*/true), std::nullopt);
  ASSERT_EQ(answers_of<UnitFailed>(scene).size(), 1U);
  EXPECT_THAT(answers_of<UnitFailed>(scene).front().reason, HasSubstr("made no progress"));
}

TEST(EngineSupervisor, AUnitThatWasCommittedBeforeTheDeathIsDone) {
  Scene scene;
  scene.behaviours = {Behaviour::kDiesAfterCommit};
  supervise(scene, {make_task("u", 1)});
  EXPECT_TRUE(answers_of<UnitFailed>(scene).empty());
  ASSERT_EQ(answers_of<UnitDone>(scene).size(), 1U);
  EXPECT_EQ(answers_of<UnitDone>(scene).front().unit, UnitId("u"));
}

TEST(EngineSupervisor, AnEngineThatHangsIsKilledOnceAndReplaced) {
  Scene scene;
  scene.behaviours = {Behaviour::kHangs};
  SupervisorOptions options;
  options.heartbeat = std::chrono::milliseconds(30);
  supervise(scene, {make_task("u", 1), make_task("v", 2)}, options);
  ASSERT_EQ(answers_of<UnitFailed>(scene).size(), 1U);
  EXPECT_THAT(answers_of<UnitFailed>(scene).front().reason, HasSubstr("made no progress"));
  EXPECT_EQ(answers_of<UnitDone>(scene).size(), 1U);
  EXPECT_EQ(scene.events,
            (std::vector<std::string>{"start 1", "run u on 1", "kill 1", "start 2", "run v on 2"}));
}

TEST(EngineSupervisor, AUnitThatComesWhileAnEngineStartsIsNotChargedWithItsDeath) {
  Scene scene;
  // The second engine dies while it starts; the unit that came meanwhile goes to the third.
  scene.behaviours = {Behaviour::kDies, Behaviour::kDiesAtStart};
  EXPECT_EQ(supervise(scene, {make_task("u", 1), make_task("v", 2)}), ExitCode::kIncomplete);
  ASSERT_EQ(answers_of<UnitFailed>(scene).size(), 1U);
  EXPECT_EQ(answers_of<UnitFailed>(scene).front().unit, UnitId("u"));
  ASSERT_EQ(answers_of<UnitDone>(scene).size(), 1U);
  EXPECT_EQ(answers_of<UnitDone>(scene).front().unit, UnitId("v"));
  EXPECT_EQ(scene.events.back(), "run v on 3");
}

TEST(EngineSupervisor, LaterEnginesComputeOnTheKindOfDeviceThatTheFirstFound) {
  Scene scene;
  scene.behaviours = {Behaviour::kDies, Behaviour::kDies};
  supervise(scene, {make_task("u", 1), make_task("u", 2), make_task("u", 3)});
  EXPECT_EQ(scene.device_kinds, (std::vector<std::string>{"", "cuda", "cuda"}));
}

TEST(EngineSupervisor, AnEngineThatCannotDoWhatTheFirstOneDidIsTriedAgain) {
  Scene scene;
  scene.behaviours = {Behaviour::kDies, Behaviour::kFailsAtStart, Behaviour::kFailsAtStart};
  supervise(scene, {make_task("u", 1), make_task("v", 2)});
  EXPECT_EQ(answers_of<UnitDone>(scene).size(), 1U);
  EXPECT_TRUE(answers_of<WorkerFailed>(scene).empty());
  EXPECT_EQ(scene.engines, 4);

  scene = Scene();
  scene.behaviours = std::deque<Behaviour>(10, Behaviour::kFailsAtStart);
  scene.behaviours.push_front(Behaviour::kDies);
  supervise(scene, {make_task("u", 1), make_task("v", 2)});
  ASSERT_EQ(answers_of<WorkerFailed>(scene).size(), 1U);
  EXPECT_EQ(answers_of<WorkerFailed>(scene).front().reason, "the GPU is gone");
  EXPECT_EQ(scene.engines, 4);
}

TEST(EngineSupervisor, AnEngineThatCannotWorkAtAllIsNotTriedAgain) {
  Scene scene;
  scene.behaviours = {Behaviour::kFailsAtStart};
  supervise(scene, {make_task("u", 1)});
  EXPECT_EQ(answers_of<WorkerFailed>(scene).size(), 1U);
  EXPECT_EQ(scene.engines, 1);
}

TEST(EngineSupervisor, SaysThatItLeaves) {
  Scene scene;
  supervise(scene, {make_task("u", 1)});
  EXPECT_EQ(answers_of<WorkerLeft>(scene).size(), 1U);
  EXPECT_TRUE(std::holds_alternative<WorkerLeft>(scene.answers.back()));
}

TEST(EngineSupervisor, AWorkerWhoseEnginesNeverStartGivesUp) {
  Scene scene;
  scene.behaviours = std::deque<Behaviour>(10, Behaviour::kDiesAtStart);
  EXPECT_EQ(supervise(scene, {make_task("u", 1)}), ExitCode::kIncomplete);
  ASSERT_EQ(answers_of<WorkerFailed>(scene).size(), 1U);
  EXPECT_THAT(answers_of<WorkerFailed>(scene).front().reason,
              HasSubstr("ended with exit code 7 before it was ready"));
  EXPECT_EQ(scene.engines, 3);
  ASSERT_EQ(answers_of<UnitFailed>(scene).size(), 1U) << "a unit that still comes is given back";
}

TEST(EngineSupervisor, ASilentCoordinatorIsLeft) {
  Scene scene;
  SupervisorOptions options;
  options.coordinator_silence = std::chrono::milliseconds(40);
  EXPECT_EQ(supervise(scene, {make_task("u", 1), StillHere{}}, options, true), std::nullopt);
  EXPECT_EQ(answers_of<UnitDone>(scene).size(), 1U);
}

TEST(EngineSupervisor, StopSignalsReachTheCoordinator) {
  Scene scene;
  ScriptedCoordinator coordinator(scene, {});
  ScriptedLauncher launcher(scene);
  bool came = false;
  supervise_engine(
      coordinator, launcher, [](const StartWork&) { return SupervisorOptions{}; },
      [&]() -> std::optional<std::string> {
        if (std::exchange(came, true)) return std::nullopt;
        return "SIGTERM";
      });
  ASSERT_EQ(answers_of<StopRequested>(scene).size(), 1U);
  EXPECT_EQ(answers_of<StopRequested>(scene).front().signal, "SIGTERM");
}

}  // namespace
}  // namespace lacuna
