// Real child processes: this test program starts itself again as an engine.
#include "orchestrator/engine_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "core/channel.h"
#include "orchestrator/socket_channel.h"

namespace lacuna {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{20};

// The engine: says what it finds, echoes a unit, dies as it is told by the unit's name.
int engine_main(const std::vector<std::string>& arguments) {
  const auto channel = become_engine(arguments);
  const bool looks_like_a_rank = std::getenv("OMPI_TEST_RANK") != nullptr;
  channel->send(WorkerReady{.host = looks_like_a_rank ? "rank" : "free",
                            .process_id = getpid(),
                            .device = arguments.at(0),
                            .device_kind = "cpu",
                            .threads = 1});
  while (true) {
    const auto message = channel->receive(std::chrono::seconds(1));
    if (!message) continue;
    if (const auto* const stop = std::get_if<StopWork>(&*message)) return static_cast<int>(stop->exit_code);
    const auto* const task = std::get_if<RunUnit>(&*message);
    if (task == nullptr) continue;
    if (task->unit.id == UnitId("abort")) std::abort();
    if (task->unit.id == UnitId("exit")) return 5;
    channel->send(UnitDone{.unit = task->unit.id, .lease = task->lease, .seconds = 1});
  }
}

class EngineProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("OMPI_TEST_RANK", "3", 1);
    engine = make_process_launcher({"engine-for-test", "place"})->launch();
  }

  std::optional<WorkerMessage> wait_for_message() { return engine->receive(kPatience); }
  std::string wait_for_end() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (const auto end = engine->find_end()) return *end;
      engine->receive(std::chrono::milliseconds(5));
    }
    return "still running";
  }
  void run(const std::string& unit) {
    WorkUnit work;
    work.id = UnitId(unit);
    engine->send(RunUnit{.unit = work, .lease = LeaseId(4)});
  }

  std::unique_ptr<Engine> engine;
};

TEST_F(EngineProcessTest, ComesUpWithoutTheVariablesOfARank) {
  const auto message = wait_for_message();
  ASSERT_TRUE(message.has_value());
  const auto ready = std::get<WorkerReady>(*message);
  EXPECT_EQ(ready.host, "free");
  EXPECT_EQ(ready.device, "place");
  EXPECT_EQ(ready.process_id, engine->process_id());
  EXPECT_FALSE(engine->find_end().has_value());
}

TEST_F(EngineProcessTest, AnswersAndEndsWithStopWorksCode) {
  wait_for_message();
  run("u");
  const auto message = wait_for_message();
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(std::get<UnitDone>(*message).lease, LeaseId(4));
  engine->send(StopWork{.exit_code = ExitCode::kIncomplete});
  EXPECT_EQ(wait_for_end(), "ended with exit code 3");
}

TEST_F(EngineProcessTest, LargeMessagesArriveWhole) {
  wait_for_message();
  run(std::string(5'000'000, 'x'));
  const auto message = wait_for_message();
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(std::get<UnitDone>(*message).unit.value().size(), 5'000'000U);
}

TEST_F(EngineProcessTest, TellsHowItDied) {
  wait_for_message();
  run("abort");
  EXPECT_THAT(wait_for_end(), HasSubstr("killed by signal 6"));
}

TEST_F(EngineProcessTest, TellsItsExitCode) {
  wait_for_message();
  run("exit");
  EXPECT_EQ(wait_for_end(), "ended with exit code 5");
  run("lost");  // to a dead engine: nothing happens
  EXPECT_FALSE(engine->receive(std::chrono::milliseconds(1)).has_value());
}

TEST_F(EngineProcessTest, IsKilledAtOnceAlsoIfStopped) {
  wait_for_message();
  kill(static_cast<pid_t>(engine->process_id()), SIGSTOP);
  engine->kill();
  EXPECT_THAT(wait_for_end(), HasSubstr("killed by signal 9"));
}

TEST_F(EngineProcessTest, StopSignalsAreItsParentsBusiness) {
  wait_for_message();
  for (const int number : {SIGTERM, SIGINT, SIGUSR1}) kill(static_cast<pid_t>(engine->process_id()), number);
  run("u");
  EXPECT_TRUE(wait_for_message().has_value());
}

TEST_F(EngineProcessTest, IsGoneWithItsOwner) {
  wait_for_message();
  const auto process = static_cast<pid_t>(engine->process_id());
  engine.reset();
  EXPECT_NE(kill(process, 0), 0);
}

TEST(SocketChannel, AnEngineWithoutParentIsToldToStop) {
  auto [parent, child] = make_socket_pair();
  SocketWorkerChannel channel(std::move(child));
  EXPECT_FALSE(channel.receive(std::chrono::milliseconds(1)).has_value());
  parent.close();
  const auto message = channel.receive(std::chrono::milliseconds(1000));
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(std::holds_alternative<StopWork>(*message));
}

}  // namespace
}  // namespace lacuna

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments.front() == "engine-for-test") {
    return lacuna::engine_main({arguments.begin() + 1, arguments.end()});
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
