// Jobs that are shell scripts: ended, killed, hanging, stopped.
#include "apps/sweep/restart_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/temporary_folder.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RestartLoopTest : public ::testing::Test {
 protected:
  // `script` finds its attempts counted in the file `count`: one character for each start.
  RestartOptions job(const std::string& script, int restarts) {
    RestartOptions options;
    options.command = {"sh", "-c", "cd " + folder.path().string() + "; printf x >> count; " + script};
    options.restarts = restarts;
    options.first_pause = std::chrono::milliseconds(1);
    options.announce = [this](std::string_view line) { lines.emplace_back(line); };
    return options;
  }
  std::size_t starts() const {
    std::error_code ignored;
    return static_cast<std::size_t>(std::filesystem::file_size(folder.path() / "count", ignored));
  }

  testing::TemporaryFolder folder;
  std::vector<std::string> lines;
};

TEST_F(RestartLoopTest, WhatTheJobDecidedIsFinal) {
  for (const int code : {0, 2, 3, 4})
    EXPECT_EQ(run_with_restarts(job("exit " + std::to_string(code), 5)), code);
  EXPECT_EQ(starts(), 4U);
  EXPECT_THAT(lines, IsEmpty());
}

TEST_F(RestartLoopTest, AJobThatDiesIsStartedAgain) {
  EXPECT_EQ(run_with_restarts(job("[ $(wc -c < count) -ge 3 ] && exit 0; kill -9 $$", 5)), 0);
  EXPECT_EQ(starts(), 3U);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("was killed by signal 9 (Killed); restart 1 of 5"),
                                 HasSubstr("restart 2 of 5")));
}

TEST_F(RestartLoopTest, NotMoreOftenThanAllowed) {
  EXPECT_EQ(run_with_restarts(job("exit 1", 2)), 1);
  EXPECT_EQ(starts(), 3U);
  EXPECT_EQ(run_with_restarts(job("kill -9 $$", 0)), 137);
}

TEST_F(RestartLoopTest, AProgramThatIsNotThereIsNotTriedAgain) {
  RestartOptions options = job("", 5);
  options.command = {"/no/such/program"};
  EXPECT_EQ(run_with_restarts(options), 127);
  EXPECT_THAT(lines, IsEmpty());
}

TEST_F(RestartLoopTest, AJobThatHangsIsKilledWithItsChildren) {
  RestartOptions options = job("[ $(wc -c < count) -ge 2 ] && exit 0; sleep 100 & echo $! > child; wait", 5);
  options.watchdog = std::chrono::milliseconds(300);
  options.watched = {folder.path() / "nothing"};
  EXPECT_EQ(run_with_restarts(options), 0);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("gave no sign of life")));
  std::string child;
  std::ifstream(folder.path() / "child") >> child;
  ASSERT_FALSE(child.empty());
  std::ifstream state("/proc/" + child + "/stat");
  std::string text;
  std::getline(state, text);
  EXPECT_TRUE(text.empty() || text.find(") Z ") != std::string::npos) << text;
}

TEST_F(RestartLoopTest, AJobThatWorksIsLeftAlone) {
  RestartOptions options = job("for i in 1 2 3 4 5 6; do touch work; sleep 0.1; done; exit 0", 5);
  options.watchdog = std::chrono::milliseconds(400);
  options.watched = {folder.path() / "work"};
  EXPECT_EQ(run_with_restarts(options), 0);
  EXPECT_EQ(starts(), 1U);
}

TEST_F(RestartLoopTest, AStopSignalIsPassedOnAndEndsTheLoop) {
  RestartOptions options = job("trap 'exit 4' USR1; touch ready; while true; do sleep 0.05; done", 5);
  options.take_stop_signal = [this]() -> std::optional<std::string> {
    if (!std::filesystem::remove(folder.path() / "ready")) return std::nullopt;
    return "SIGTERM";
  };
  EXPECT_EQ(run_with_restarts(options), 4);
  EXPECT_EQ(starts(), 1U);
}

TEST_F(RestartLoopTest, AJobThatDiesOfTheStopSignalWasInterrupted) {
  RestartOptions options = job("touch ready; while true; do sleep 0.05; done", 5);
  options.take_stop_signal = [this]() -> std::optional<std::string> {
    if (!std::filesystem::remove(folder.path() / "ready")) return std::nullopt;
    return "SIGTERM";
  };
  EXPECT_EQ(run_with_restarts(options), 4);
  EXPECT_EQ(starts(), 1U);
}

}  // namespace
}  // namespace lacuna
