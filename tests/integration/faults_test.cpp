// What ends a worker's engine, or a run, costs at most the units in flight. Each fault alone, at a chosen
// moment; chaos_test.py mixes them at random.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "results/merge.h"
#include "results/part_audit.h"
#include "results/part_catalog.h"
#include "tests/integration/sweep_fixture.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::count_of;
using testing::Finished;
using ::testing::HasSubstr;
using ::testing::Not;

class Faults : public testing::SweepFixture {
 protected:
  // Alone with an engine process, and with two workers where there is MPI.
  static std::vector<int> rank_counts() { return HAS_MPI == 0 ? std::vector{0} : std::vector{0, 3}; }

  // Settings under which a fault happens once.
  [[nodiscard]] std::string once(const std::string& fault) const {
    std::ofstream(root_ / "once") << "x";
    return fmt::format("FAKE_ENGINE=process FAKE_ONCE={} {}", (root_ / "once").string(), fault);
  }

  void expect_undisturbed_store(const std::string& output) {
    if (!fs::exists(store("whole"))) {
      ASSERT_EQ(run(0, "whole").exit_code, 0);
    }
    EXPECT_EQ(compare_stores(store("whole"), store(output)), "");
  }
};

TEST_F(Faults, AnEngineThatDiesCostsItsUnitOneTry) {
  for (const int ranks : rank_counts()) {
    const std::string output = fmt::format("run{}", ranks);
    const Finished finished = run(ranks, output, "", once("FAKE_DIE_AT=a+mmlu+shared+0000008"));
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    // And the one that was being written, if that had not ended.
    EXPECT_GE(count_of(finished.err, "failed and will be tried again"), 1U) << finished.err;
    EXPECT_LE(count_of(finished.err, "failed and will be tried again"), 2U) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("was killed by signal 9"));
    EXPECT_FALSE(fs::exists(root_ / "once"));
    expect_undisturbed_store(output);
  }
}

TEST_F(Faults, AnEngineThatDiesWhileItWritesCostsBothUnitsOneTry) {
  for (const int ranks : rank_counts()) {
    const std::string output = fmt::format("run{}", ranks);
    const Finished finished =
        run(ranks, output, "", once("FAKE_WRITE_MS=100 FAKE_DIE_AT=a+mmlu+shared+0000008"));
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(count_of(finished.err, "failed and will be tried again"), 2U) << finished.err;
    EXPECT_EQ(committed_units(directory(output)).size(), 48U);
    expect_undisturbed_store(output);
  }
}

TEST_F(Faults, AnEngineThatHangsIsReplaced) {
  for (const int ranks : rank_counts()) {
    const std::string output = fmt::format("run{}", ranks);
    const Finished finished =
        run(ranks, output, "compute.heartbeat_seconds=1.5", once("FAKE_HANG_AT=b+boolq"));
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("made no progress for 1 s and was killed"));
    expect_undisturbed_store(output);
  }
}

TEST_F(Faults, AUnitThatKillsThreeEnginesIsSetAside) {
  for (const int ranks : rank_counts()) {
    const std::string output = fmt::format("run{}", ranks);
    const Finished finished = run(ranks, output, "", "FAKE_ENGINE=process FAKE_DIE_AT=a+mmlu+shared+0000008");
    EXPECT_EQ(finished.exit_code, 3) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("failed too often and is set aside: the engine process"));
    EXPECT_THAT(finished.out, HasSubstr("a+mmlu+shared+0000008"));
    EXPECT_EQ(committed_units(directory(output)).size(), 47U);
    ASSERT_EQ(run(ranks, output).exit_code, 0) << "the next call tries it again";
    expect_undisturbed_store(output);
  }
}

TEST_F(Faults, ASignalStopsTheRunAndTheSameCommandResumes) {
  for (const char* const signal : {"TERM", "INT", "USR1"}) {
    for (const char* const engine : {"process", "inside"}) {
      const std::string output = fmt::format("{}{}", signal, engine);
      const fs::path code = root_ / (output + ".code");
      std::ofstream(root_ / "stop.sh") << fmt::format(
          "set -m\n"  // or the shell makes its background jobs ignore SIGINT
          "FAKE_UNIT_MS=100 FAKE_ENGINE={} {} {} output={} 2>{} >/dev/null &\n"
          "for i in $(seq 1000); do [ $(ls {}/parts 2>/dev/null | wc -l) -ge 4 ] && break; sleep 0.02; done\n"
          "kill -{} $!\nwait $!\necho $? >{}\n",
          engine, FAKE_SWEEP, (root_ / "e.yaml").string(), (root_ / output).string(),
          (root_ / "stop.err").string(), (root_ / output).string(), signal, code.string());
      testing::run_program("bash " + (root_ / "stop.sh").string(), root_);
      EXPECT_EQ(testing::read_text(code), "4\n") << testing::read_text(root_ / "stop.err");
      EXPECT_THAT(testing::read_text(root_ / "stop.err"), HasSubstr(fmt::format("stopped by SIG{}", signal)));
      EXPECT_FALSE(fs::exists(store(output)));
      const std::size_t before = committed_units(directory(output)).size();
      const Finished finished = run(0, output);
      ASSERT_EQ(finished.exit_code, 0) << finished.err;
      EXPECT_THAT(finished.err, HasSubstr(fmt::format("resuming: {} of 48 units", before)));
      expect_undisturbed_store(output);
    }
  }
}

TEST_F(Faults, AFullDiskStopsTheRunWithOneSentence) {
  for (const int ranks : rank_counts()) {
    const std::string output = fmt::format("run{}", ranks);
    // No file may grow over 32 KiB: enough for the manifest and the log, too little for a part (and for
    // mpirun, so the limit is for the ranks alone).
    const fs::path limited = root_ / "limited.sh";
    std::ofstream(limited) << fmt::format("ulimit -f 32; trap '' XFSZ; exec {} \"$@\"\n", FAKE_SWEEP);
    const Finished finished = testing::run_program(
        fmt::format("FAKE_ENGINE=process {} bash {} {} output={}", testing::launcher(ranks), limited.string(),
                    (root_ / "e.yaml").string(), (root_ / output).string()),
        root_);
    EXPECT_EQ(finished.exit_code, 1) << finished.err;
    EXPECT_EQ(count_of(finished.err, "lacuna: error: cannot write"), 1U) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("File too large"));
    EXPECT_THAT(finished.err, Not(HasSubstr("set aside")));
    ASSERT_EQ(run(ranks, output).exit_code, 0) << "there is space again";
    expect_undisturbed_store(output);
  }
}

TEST_F(Faults, ARankThatHangsIdleDoesNotKeepTheStoreBack) {
  if (HAS_MPI == 0) GTEST_SKIP() << "built without MPI";
  // One unit for two workers: the one that has nothing to do is stopped, and cannot take part in MPI's
  // farewell.
  const std::string root = root_.string();
  std::ofstream(root_ / "one.yaml")
      << "models: [{name: a, path: a}]\nbenchmarks: [{benchmark: boolq, path: boolq.jsonl, limit: 2}]\n"
         "lac: {alphas: [0.5], modes: [exit]}\ncompute: {device: cpu}\n";
  std::ofstream(root_ / "stop.sh") << fmt::format(
      R"(FAKE_UNIT_MS=2000 {} {} {}/one.yaml output={}/run >/dev/null 2>&1 &
for i in $(seq 1000); do grep -q 'goes to worker' {}/run/run.log 2>/dev/null && break; sleep 0.02; done
busy=$(sed -n 's/.*goes to worker \([12]\) .*/\1/p' {}/run/run.log)
for pid in $(pgrep -f 'output={}/run'); do
  tr '\0' '\n' </proc/$pid/environ | grep -q "^OMPI_COMM_WORLD_RANK=$((3 - busy))$" && kill -STOP $pid && echo stopped
done
wait
)",
      testing::launcher(3), FAKE_SWEEP, root, root, root, root, root);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(testing::run_program("bash " + root + "/stop.sh", root_).out, "stopped\n");
  EXPECT_TRUE(fs::exists(store("run")));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(100));
}

TEST_F(Faults, PartsAreBundledDuringARun) {
  const Finished finished = run(0, "run", "", "LACUNA_BUNDLE_PARTS=10");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const PartCatalog catalog = list_parts(directory("run"));
  EXPECT_EQ(catalog.bundles.size(), 4U);
  EXPECT_EQ(catalog.loose.size(), 8U);
  expect_undisturbed_store("run");
}

// The GPU is gone when the engine dies.
TEST_F(Faults, AGpuThatVanishesDoesNotTurnIntoACpu) {
  const std::string gpus =
      fmt::format("CUDA_VISIBLE_DEVICES=3 FAKE_GPUS=1 FAKE_GPUS_WHILE={} ", (root_ / "once").string());
  const std::string device = "compute.device=auto";
  const Finished failed = run(0, "run", device, gpus + once("FAKE_DIE_AT=a+mmlu+shared+0000008"));
  EXPECT_EQ(failed.exit_code, 1) << failed.err;
  EXPECT_THAT(failed.err, HasSubstr("computes on fake GPU 3"));
  EXPECT_EQ(count_of(failed.err, "no worker is left to compute"), 1U) << failed.err;
  EXPECT_THAT(failed.err, HasSubstr("this worker sees no GPU any more"));
  const std::size_t before = committed_units(directory("run")).size();
  EXPECT_GT(before, 0U);

  const Finished resumed = run(0, "run", device);
  EXPECT_EQ(resumed.exit_code, 1) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("this worker sees no GPU any more"));
  EXPECT_EQ(committed_units(directory("run")).size(), before);

  const Finished finished = run(0, "run", device, once(gpus));
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  ASSERT_EQ(run(0, "whole", device).exit_code, 0);
  expect_undisturbed_store("run");
}

TEST_F(Faults, WorkersOnDifferentDevicesAreWarnedOf) {
  if (HAS_MPI == 0) GTEST_SKIP() << "built without MPI";
  const fs::path mixed = root_ / "mixed.sh";
  std::ofstream(mixed) << fmt::format(
      "[ $OMPI_COMM_WORLD_RANK = 1 ] && export FAKE_GPUS=1 CUDA_VISIBLE_DEVICES=0\nexec {} \"$@\"\n",
      FAKE_SWEEP);
  const Finished finished = testing::run_program(
      fmt::format("FAKE_UNIT_MS=100 {} bash {} {} output={} compute.device=auto", testing::launcher(3),
                  mixed.string(), (root_ / "e.yaml").string(), (root_ / "run").string()),
      root_);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(count_of(finished.err, "warning: other numbers of this run come from"), 1U) << finished.err;
  EXPECT_EQ(read_manifest(directory("run")).environment["device_kinds"], nlohmann::json({"cpu", "cuda"}));
}

// Bundling reads the parts again: what was spoiled meanwhile is computed again in the same run.
TEST_F(Faults, APartThatIsDamagedDuringARunIsComputedAgain) {
  for (const int ranks : rank_counts()) {
    const std::string output = fmt::format("run{}", ranks);
    const Finished finished =
        run(ranks, output, "", once("LACUNA_BUNDLE_PARTS=10 FAKE_SPOIL_AT=a+mmlu+shared+0000008"));
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(count_of(finished.err, "its part was damaged after it was written"), 1U) << finished.err;
    const auto damaged = read_quarantine(directory(output));
    ASSERT_EQ(damaged.size(), 1U);
    EXPECT_EQ(damaged[0].file.filename(), "a+mmlu+shared+0000008.h5");
    EXPECT_TRUE(fs::exists(damaged[0].moved_to));
    expect_undisturbed_store(output);
  }
}

}  // namespace
}  // namespace lacuna
