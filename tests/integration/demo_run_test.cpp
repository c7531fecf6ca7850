// `lacuna run` on a part of the embedded demo: the store does not depend on the number of processes, nor on
// being killed in between.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "results/merge.h"
#include "results/part_catalog.h"
#include "results/run_directory.h"
#include "tests/integration/run_program.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::Finished;
using ::testing::HasSubstr;
using testing::launcher;
using testing::run_program;

constexpr const char* kExperiment = "configs/experiments/demo.yaml";
constexpr const char* kPart =
    "benchmarks.mmlu.limit=12 benchmarks.gpqa.limit=12 benchmarks.boolq.limit=12 compute.unit_questions=5 "
    "compute.device=cpu 'lac.modes=[exit,propagate]' generation.max_new_tokens=4";

class DemoRun : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fs::exists("demo/models/qwen-demo/model.safetensors")) << "run this from the repository root";
    root_ = fs::absolute(fs::path(::testing::TempDir()) / fmt::format("demo_run_{}", getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override {
    if (!HasFailure()) fs::remove_all(root_);
  }

  Finished run(int ranks, const std::string& output, const std::string& more = "") const {
    return run_program(fmt::format("{} {} run {} output={} {} {}", launcher(ranks), LACUNA_BINARY,
                                   kExperiment, (root_ / output).string(), kPart, more),
                       root_);
  }
  [[nodiscard]] fs::path store(const std::string& output) const {
    return RunDirectory(root_ / output).store_file();
  }

  fs::path root_;
};

TEST_F(DemoRun, StoreDoesNotDependOnProcessesOrThreads) {
  const Finished alone = run(0, "alone");
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_THAT(alone.out, HasSubstr("store: " + store("alone").string()));
  ASSERT_EQ(run(0, "threads", "compute.threads=3").exit_code, 0);
  EXPECT_EQ(compare_stores(store("alone"), store("threads")), "") << "3 threads";
  if (HAS_MPI == 0) return;
  for (const int ranks : {1, 2, 3, 5}) {
    const std::string output = fmt::format("ranks{}", ranks);
    const Finished finished = run(ranks, output);
    ASSERT_EQ(finished.exit_code, 0) << ranks << " ranks: " << finished.err;
    EXPECT_EQ(compare_stores(store("alone"), store(output)), "") << ranks << " ranks";
  }
}

TEST_F(DemoRun, KilledAndStartedAgainItEndsWithTheSameStore) {
  ASSERT_EQ(run(0, "whole").exit_code, 0);
  // Killed as soon as some parts are there.
  const RunDirectory killed(root_ / "killed");
  std::ofstream(root_ / "kill.sh") << fmt::format(
      "{} run {} output={} {} &\n"
      "for i in $(seq 2000); do [ $(ls {} 2>/dev/null | wc -l) -ge 5 ] && break; sleep 0.02; done\n"
      "kill -9 $!\n",
      LACUNA_BINARY, kExperiment, killed.root().string(), kPart, killed.parts_folder().string());
  run_program(fmt::format("bash {}", (root_ / "kill.sh").string()), root_);
  ASSERT_GE(committed_units(killed).size(), 1U);
  ASSERT_FALSE(fs::exists(killed.store_file())) << "it was not killed in time";
  const Finished resumed = run(HAS_MPI == 0 ? 0 : 3, "killed");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("resuming: "));
  EXPECT_EQ(compare_stores(store("whole"), store("killed")), "");
}

}  // namespace
}  // namespace lacuna
