// Whole sweeps, as a user starts them: alone and under mpirun with several ranks; resumed, refused, failing.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "results/merge.h"
#include "results/part_catalog.h"
#include "results/run_directory.h"
#include "tests/integration/sweep_fixture.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::count_of;
using testing::Finished;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::read_text;

class Sweep : public testing::SweepFixture {};

TEST_F(Sweep, AloneComputesEverythingAndPrintsTheTable) {
  const Finished finished = run(0, "run");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("propagate"));
  EXPECT_THAT(finished.out, HasSubstr("store: " + store("run").string()));
  EXPECT_THAT(finished.err, HasSubstr("48 units to compute with 1 worker(s)"));
  EXPECT_THAT(finished.err, HasSubstr("100 %, 184/184 questions"));
  EXPECT_EQ(committed_units(directory("run")).size(), 48U);
  const RunManifest manifest = read_manifest(directory("run"));
  EXPECT_EQ(manifest.fingerprint.size(), 32U);
  EXPECT_EQ(manifest.content["models"]["a"]["config.json"].get<std::string>().size(), 32U);
  EXPECT_TRUE(manifest.content["benchmarks"]["boolq"].contains("boolq.jsonl"));
  EXPECT_TRUE(manifest.content["benchmarks"]["mmlu"].contains("test/astronomy_test.csv"));
  EXPECT_EQ(manifest.environment["sessions"][0]["workers"][0]["device"], "fake device");
  EXPECT_THAT(read_text(directory("run").log_file()), HasSubstr("is done by worker 1"));
}

TEST_F(Sweep, NumberOfProcessesDoesNotChangeTheStore) {
  if (HAS_MPI == 0) GTEST_SKIP() << "built without MPI";
  ASSERT_EQ(run(0, "alone").exit_code, 0);
  for (const int ranks : {1, 2, 3, 5}) {
    const std::string output = fmt::format("ranks{}", ranks);
    const Finished finished = run(ranks, output);
    ASSERT_EQ(finished.exit_code, 0) << ranks << " ranks: " << finished.err;
    EXPECT_EQ(compare_stores(store("alone"), store(output)), "") << ranks << " ranks";
    EXPECT_EQ(count_of(finished.out, "store: "), 1U);
  }
}

TEST_F(Sweep, ResumesAndDoesNothingTwice) {
  // The process kills itself at one of the last units.
  const Finished killed = run(0, "run", "", "FAKE_DIE_AT=b+mmlu+shared+0000020");
  ASSERT_NE(killed.exit_code, 0);
  const std::size_t before = committed_units(directory("run")).size();
  ASSERT_GT(before, 20U);
  ASSERT_LT(before, 48U);
  // Units that are done would fail now, if they were computed again.
  const Finished finished = run(0, "run", "", "FAKE_FAIL_UNIT=a+boolq");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr(fmt::format("resuming: {} of 48 units are done", before)));
  ASSERT_EQ(run(0, "whole").exit_code, 0);
  EXPECT_EQ(compare_stores(store("run"), store("whole")), "");
  EXPECT_EQ(read_manifest(directory("run")).environment["sessions"].size(), 2U);
}

TEST_F(Sweep, ResumesWithAnotherNumberOfRanks) {
  if (HAS_MPI == 0) GTEST_SKIP() << "built without MPI";
  ASSERT_NE(run(0, "run", "", "FAKE_DIE_AT=b+boolq+propagate").exit_code, 0);
  ASSERT_GT(committed_units(directory("run")).size(), 0U);
  const Finished finished = run(3, "run");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  ASSERT_EQ(run(0, "whole").exit_code, 0);
  EXPECT_EQ(compare_stores(store("run"), store("whole")), "");
}

TEST_F(Sweep, DamagedPartsAreComputedAgain) {
  ASSERT_EQ(run(0, "run").exit_code, 0);
  const fs::path part = directory("run").part_file(UnitId("a+boolq+shared+0000004"));
  {
    std::fstream file(part, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(700);
    file.put('!');
  }
  const Finished finished = run(0, "run");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("a+boolq+shared+0000004.h5 is damaged"));
  EXPECT_THAT(finished.err, HasSubstr("resuming: 47 of 48 units are done"));
  EXPECT_TRUE(fs::exists(directory("run").damaged_folder() / "a+boolq+shared+0000004.h5.1"));
}

TEST_F(Sweep, PartsAreBundledWhenTheRunIsOpenedAndTheStoreIsTheSame) {
  ASSERT_EQ(run(0, "loose").exit_code, 0);
  ASSERT_EQ(run(0, "bundled").exit_code, 0);
  const Finished finished = run(0, "bundled", "", "LACUNA_BUNDLE_PARTS=10");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("resuming: 48 of 48 units are done"));
  const PartCatalog catalog = list_parts(directory("bundled"));
  EXPECT_EQ(catalog.bundles.size(), 4U);
  EXPECT_EQ(catalog.loose.size(), 8U);
  EXPECT_EQ(compare_stores(store("loose"), store("bundled")), "");
}

TEST_F(Sweep, AnotherConfigOrOtherFilesAreRefusedWithTheDifference) {
  ASSERT_EQ(run(0, "run").exit_code, 0);
  Finished refused = run(0, "run", "'lac.alphas=[0.2,0.5]'");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err,
              HasSubstr("config.lac.alphas: [0.2,0.5,0.8] in the run directory, [0.2,0.5] in this call"));
  EXPECT_EQ(run(0, "run", "compute.threads=3 name=other").exit_code, 0) << "cannot change numbers";
  write("b/config.json", "\"changed\"");
  refused = run(0, "run");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("content.models.b.config.json"));
  write("b/config.json", "\"b\"");
  EXPECT_EQ(run(0, "run").exit_code, 0);
  write("boolq.jsonl", read_text(root_ / "boolq.jsonl") + "\n");
  refused = run(0, "run");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("content.benchmarks.boolq.boolq.jsonl"));
}

TEST_F(Sweep, AForeignDirectoryIsRefused) {
  write("mine/thesis.tex", "precious");
  const Finished refused = run(0, "mine");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("is no run directory: it holds 'thesis.tex' and no manifest.json"));
  EXPECT_FALSE(fs::exists(root_ / "mine/parts"));
}

TEST_F(Sweep, AUnitThatFailsIsSetAsideAndTriedAgainByTheNextCall) {
  for (const int ranks : {0, 3}) {
    if (ranks > 0 && HAS_MPI == 0) continue;
    const std::string output = fmt::format("run{}", ranks);
    const Finished finished = run(ranks, output, "", "FAKE_FAIL_UNIT=a+mmlu+shared+0000008");
    EXPECT_EQ(finished.exit_code, 3) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("is set aside: this unit fails on purpose"));
    EXPECT_THAT(finished.err, HasSubstr("1 unit(s) failed and are missing from the store"));
    EXPECT_THAT(finished.out, HasSubstr("a+mmlu+shared+0000008")) << "the table says what is missing";
    EXPECT_EQ(committed_units(directory(output)).size(), 47U);
    EXPECT_EQ(failed_units(directory(output)).size(), 1U);
    EXPECT_EQ(run(0, output).exit_code, 0);
    EXPECT_EQ(committed_units(directory(output)).size(), 48U);
  }
}

TEST_F(Sweep, WorkersThatCannotStartEndTheRun) {
  for (const int ranks : {0, 3}) {
    if (ranks > 0 && HAS_MPI == 0) continue;
    const Finished finished = run(ranks, fmt::format("run{}", ranks), "", "FAKE_NO_ENGINE=1");
    EXPECT_EQ(finished.exit_code, 1) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("no worker is left to compute 48 unit(s): the device is on fire"));
  }
}

TEST_F(Sweep, ConfigErrorsAreReportedOnceAndByAllExitCodes) {
  if (HAS_MPI == 0) GTEST_SKIP() << "built without MPI";
  const auto start = std::chrono::steady_clock::now();
  const Finished finished = run(3, "run", "'lac.alphas=[1.5]'");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_EQ(count_of(finished.err, "lacuna: error:"), 1U) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("argument 'lac.alphas=[1.5]': alpha 1.5 is out of range"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << "no rank hangs";
  EXPECT_FALSE(fs::exists(root_ / "run"));
  EXPECT_EQ(count_of(run(3, "run", "models.0.path=/nowhere").err, "'/nowhere' does not exist"), 1U);
  // What the checks of models and benchmarks find.
  fs::remove(root_ / "a/config.json");
  EXPECT_EQ(count_of(run(3, "run").err, "there is no config.json"), 1U);
}

TEST_F(Sweep, ASecondCoordinatorIsRefused) {
  const std::string slow = fmt::format("FAKE_UNIT_MS=400 {} {} output={} >/dev/null 2>&1 &", FAKE_SWEEP,
                                       (root_ / "e.yaml").string(), (root_ / "run").string());
  ASSERT_EQ(std::system(slow.c_str()), 0);
  for (int i = 0; i < 200 && committed_units(directory("run")).empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const Finished refused = run(0, "run");
  EXPECT_EQ(refused.exit_code, 1) << "it may succeed later";
  EXPECT_THAT(refused.err, HasSubstr("is in use: process "));
  for (int i = 0; i < 600 && !fs::exists(store("run")); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(fs::exists(store("run"))) << "the first one goes on";
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
}

}  // namespace
}  // namespace lacuna
