#include "results/run_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

#include "core/error.h"
#include "results/merge.h"
#include "results/part_bundling.h"
#include "results/run_report.h"
#include "tests/results/synthetic_run.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using testing::SyntheticRun;
using testing::TemporaryFolder;

RunStatus make_status() {
  RunStatus status;
  status.state = RunState::kRunning;
  status.units_done = 3;
  status.units_total = 24;
  status.units_failed = 1;
  status.questions_done = 9;
  status.questions_total = 56;
  status.questions_per_second = 2.5;
  status.eta_seconds = 3700;
  status.workers = 2;
  status.in_flight = {{.worker = WorkerId(1), .unit = UnitId("m0.b0.shared.0003"), .seconds = 61.5}};
  status.last_error = "worker 2 went silent";
  return status;
}

TEST(RunStatus, RoundTripsAndLeavesNoTemporary) {
  const TemporaryFolder folder;
  const RunDirectory run(folder.path());
  EXPECT_EQ(read_run_status(run), std::nullopt);
  ::setenv("SLURM_JOB_ID", "17", 1);
  write_run_status(run, make_status());
  ::unsetenv("SLURM_JOB_ID");
  const auto status = read_run_status(run);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->process_id, ::getpid());
  EXPECT_EQ(status->job_id, "17");
  EXPECT_LE(std::abs(status->updated_at - std::time(nullptr)), 5);
  RunStatus expected = make_status();
  expected.updated_at = status->updated_at;
  expected.host = status->host;
  expected.process_id = status->process_id;
  expected.job_id = "17";
  EXPECT_EQ(to_json(*status), to_json(expected));
  EXPECT_THAT(testing::names_in(folder.path()), ElementsAre("status.json"));
}

TEST(RunStatus, FailuresToWriteAreSilentAndNonsenseIsNoStatus) {
  const TemporaryFolder folder;
  write_run_status(RunDirectory(folder.path() / "missing"), make_status());
  const RunDirectory run(folder.path());
  for (const char* const text : {"", "{", "[]", "{}", R"({"state": "dancing"})", "null"}) {
    folder.write("status.json", text);
    EXPECT_EQ(read_run_status(run), std::nullopt) << text;
  }
  write_run_status(run, make_status());
  nlohmann::json wrong = to_json(*read_run_status(run));
  wrong["workers"] = "many";
  folder.write("status.json", wrong.dump());
  EXPECT_EQ(read_run_status(run), std::nullopt);
}

class RunReportTest : public ::testing::Test {
 protected:
  RunReportTest() { made.write_manifest_file(); }
  [[nodiscard]] RunReport report(std::int64_t seconds_later = 0) const {
    return report_run(made.run, std::time(nullptr) + seconds_later);
  }
  TemporaryFolder folder;
  SyntheticRun made{folder.path() / "run"};
};

TEST_F(RunReportTest, CountsWhatIsOnDiskWhateverTheStatusSays) {
  made.write_parts({0, 1, 2, 3, 4, 5, 6, 7, 8});  // 3 + 3 + 1 questions three times
  bundle_parts(made.run, made.manifest(), {.parts = 4});
  testing::write_bytes(made.run.parts_folder() / "not of the plan.h5", {'x'});
  write_run_status(made.run, make_status());
  const RunReport result = report();
  EXPECT_EQ(result.units_done, 9);
  EXPECT_EQ(result.units_total, 24);
  EXPECT_EQ(result.questions_done, 21);
  EXPECT_EQ(result.questions_total, 56);
  EXPECT_EQ(result.bundles, 2);
  EXPECT_EQ(result.loose_parts, 2);
  EXPECT_FALSE(result.has_store);
  EXPECT_THAT(render_report(result),
              AllOf(HasSubstr("synthetic"), HasSubstr("models: tiny-a, tiny-b"),
                    HasSubstr("9 of 24 units, 21 of 56 questions (37.5 %)"),
                    HasSubstr("2.50 questions a second with 2 worker(s), about 1 h 1 min left"),
                    HasSubstr("worker 1: m0.b0.shared.0003 for 1 min 1 s"),
                    HasSubstr("last error: worker 2 went silent"), Not(HasSubstr("sign of life"))));
}

TEST_F(RunReportTest, SilenceIsToldUnlessTheRunHasEnded) {
  RunStatus status = make_status();
  write_run_status(made.run, status);
  EXPECT_FALSE(report(20).is_silent);
  EXPECT_TRUE(report(200).is_silent);
  EXPECT_FALSE(report(-500).is_silent) << "the other machine's clock is ahead";
  EXPECT_THAT(render_report(report(200)),
              AllOf(HasSubstr("no sign of life for 3 min 2"), HasSubstr("killed? the same command resumes"),
                    Not(HasSubstr("questions a second"))));
  EXPECT_EQ(to_json(report(200))["state"], "silent");
  for (const RunState state :
       {RunState::kFinished, RunState::kIncomplete, RunState::kInterrupted, RunState::kFailed}) {
    status.state = state;
    write_run_status(made.run, status);
    EXPECT_FALSE(report(200).is_silent);
    EXPECT_EQ(to_json(report(200))["state"], to_string(state));
  }
  for (const RunState state : {RunState::kPreparing, RunState::kStopping}) {
    status.state = state;
    write_run_status(made.run, status);
    EXPECT_TRUE(report(200).is_silent);
  }
}

TEST_F(RunReportTest, FailedUnitsThatWereCommittedSinceAreNotListed) {
  record_failed_unit(made.run, made.plan[0].id, "out of memory");
  record_failed_unit(made.run, made.plan[1].id, "killed its worker three times");
  made.write_parts({0});
  const RunReport result = report();
  ASSERT_THAT(result.failed, SizeIs(1));
  EXPECT_EQ(result.failed[0].unit, made.plan[1].id);
  EXPECT_THAT(render_report(result), HasSubstr("m0.b0.shared.0003: killed its worker three times"));
}

TEST_F(RunReportTest, DamagedFilesAndTheStore) {
  made.write_parts(made.all_units());
  testing::flip_bit(made.run.part_file(made.plan[1].id), 900);
  (void)audit_parts(made.run, made.manifest());
  made.write_parts({1});
  merge_run(made.run);
  const nlohmann::json json = to_json(report());
  EXPECT_EQ(json["damaged"][0]["why"], "its checksum does not match");
  EXPECT_EQ(json["store"], (nlohmann::json{{"present", true}, {"current", true}}));
  EXPECT_EQ(json["state"], "unknown");
  EXPECT_TRUE(json["coordinator"].is_null());
  EXPECT_EQ(json["units"], (nlohmann::json{{"done", 24}, {"total", 24}}));
}

TEST(RunReport, WhatIsNoRunDirectoryIsRefused) {
  const TemporaryFolder folder;
  EXPECT_THROW((void)report_run(RunDirectory(folder.path()), 0), InputError);
  folder.write("manifest.json", "[]");
  EXPECT_THROW((void)report_run(RunDirectory(folder.path()), 0), InputError);
}

TEST(RunReport, Durations) {
  EXPECT_EQ(describe_duration(12.9), "12 s");
  EXPECT_EQ(describe_duration(200), "3 min 20 s");
  EXPECT_EQ(describe_duration(7500), "2 h 5 min");
  EXPECT_EQ(describe_duration(90000 * 4), "4 d 4 h");
  EXPECT_EQ(describe_duration(-1), "0 s");
  EXPECT_EQ(describe_duration(1e300), "0 s");
}

}  // namespace
}  // namespace lacuna
