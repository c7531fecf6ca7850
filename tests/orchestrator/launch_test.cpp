// How a process learns who it is, its share of the cores, and that it owns its run directory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "core/error.h"
#include "orchestrator/launch_environment.h"
#include "orchestrator/run_lock.h"

namespace lacuna {
namespace {

ReadVariable fake(std::map<std::string, std::string> variables) {
  return [variables](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(LaunchEnvironment, KnowsItsLauncher) {
  EXPECT_FALSE(is_launched_under_mpi(fake({})));
  EXPECT_EQ(rank_from_environment(fake({})), 0);
  const auto mpirun = fake({{"OMPI_COMM_WORLD_SIZE", "3"}, {"OMPI_COMM_WORLD_RANK", "2"}});
  EXPECT_TRUE(is_launched_under_mpi(mpirun));
  EXPECT_EQ(rank_from_environment(mpirun), 2);
  const auto pmix = fake({{"PMIX_RANK", "1"}, {"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "4"}});
  EXPECT_TRUE(is_launched_under_mpi(pmix));
  EXPECT_EQ(rank_from_environment(pmix), 1);
  EXPECT_TRUE(is_launched_under_mpi(fake({{"PMI_RANK", "0"}})));
}

TEST(LaunchEnvironment, ABatchScriptIsAlone) {
  EXPECT_FALSE(is_launched_under_mpi(fake({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}})));
  EXPECT_FALSE(is_launched_under_mpi(fake({{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}})));
}

TEST(LaunchEnvironment, SrunWithoutMpiIsRefused) {
  const auto srun = fake({{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "3"}});
  EXPECT_THROW(is_launched_under_mpi(srun), InputError);
  EXPECT_EQ(rank_from_environment(srun), 3);
}

TEST(ShareCores, DividesFairly) {
  EXPECT_EQ(share_cores(64, 1, std::nullopt, 1), 64);
  EXPECT_EQ(share_cores(64, 8, std::nullopt, 8), 8);
  EXPECT_EQ(share_cores(2, 5, std::nullopt, 5), 1) << "never none";
  EXPECT_EQ(share_cores(4, 1, std::nullopt, 8), 4) << "bound to cores of its own";
  EXPECT_EQ(share_cores(64, 2, 8, 2), 4) << "a container's quota";
  EXPECT_EQ(share_cores(0, 0, 0, 0), 1);
  EXPECT_GE(count_own_cores(), 1);
}

TEST(RunLock, KeepsASecondOneOffAndEndsWithItsProcess) {
  const auto directory = std::filesystem::path(::testing::TempDir()) / "run_lock_test";
  std::filesystem::create_directories(directory);
  {
    const RunLock lock(directory);
    try {
      const RunLock second(directory);
      FAIL() << "two locks";
    } catch (const SystemError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("process " + std::to_string(getpid())));
    }
  }
  { const RunLock again(directory); }
  const pid_t child = fork();
  if (child == 0) {
    const RunLock lock(directory);
    std::_Exit(0);  // no destructor
  }
  waitpid(child, nullptr, 0);
  { const RunLock again(directory); }
  // Somebody who is about to end is waited for.
  const pid_t slow = fork();
  if (slow == 0) {
    const RunLock lock(directory);
    std::ofstream(directory / "locked") << "x";
    usleep(200'000);
    std::_Exit(0);
  }
  while (!std::filesystem::exists(directory / "locked")) usleep(1000);
  { const RunLock patient(directory, std::chrono::seconds(20)); }
  waitpid(slow, nullptr, 0);
  std::filesystem::remove_all(directory);
  EXPECT_THROW(RunLock lock(directory), SystemError);
}

}  // namespace
}  // namespace lacuna
