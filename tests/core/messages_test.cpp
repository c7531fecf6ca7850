#include "core/messages.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/content_hash.h"

namespace lacuna {
namespace {

TEST(Messages, CoordinatorMessagesComeBack) {
  const StartWork start{.experiment_json = R"({"a": "\"quoted\""})",
                        .run_directory = "/runs/ü",
                        .fingerprint = "f",
                        .device_kind = "cuda"};
  const auto start_back = std::get<StartWork>(decode_coordinator_message(encode(CoordinatorMessage(start))));
  EXPECT_EQ(start_back.experiment_json, start.experiment_json);
  EXPECT_EQ(start_back.run_directory, start.run_directory);
  EXPECT_EQ(start_back.fingerprint, start.fingerprint);
  EXPECT_EQ(start_back.device_kind, "cuda");

  const RunUnit run{.unit = {.id = UnitId("u"),
                             .model = ModelIndex(2),
                             .benchmark = BenchmarkIndex(1),
                             .stream = StreamKind::kPropagate,
                             .first_question = QuestionIndex(std::int64_t{1} << 40),
                             .question_count = 7},
                    .lease = LeaseId(std::int64_t{1} << 50)};
  const auto run_back = std::get<RunUnit>(decode_coordinator_message(encode(CoordinatorMessage(run))));
  EXPECT_EQ(run_back.unit.id, run.unit.id);
  EXPECT_EQ(run_back.unit.model, run.unit.model);
  EXPECT_EQ(run_back.unit.benchmark, run.unit.benchmark);
  EXPECT_EQ(run_back.unit.stream, run.unit.stream);
  EXPECT_EQ(run_back.unit.first_question, run.unit.first_question);
  EXPECT_EQ(run_back.unit.question_count, 7);
  EXPECT_EQ(run_back.lease, run.lease);

  const auto stop = std::get<StopWork>(
      decode_coordinator_message(encode(CoordinatorMessage(StopWork{ExitCode::kBadInput}))));
  EXPECT_EQ(stop.exit_code, ExitCode::kBadInput);
  EXPECT_TRUE(
      std::holds_alternative<StillHere>(decode_coordinator_message(encode(CoordinatorMessage(StillHere{})))));
}

TEST(Messages, WorkerMessagesComeBack) {
  const auto pass = [](const WorkerMessage& message) { return decode_worker_message(encode(message)); };
  const auto ready = std::get<WorkerReady>(pass(
      WorkerReady{.host = "h", .process_id = 12, .device = "cpu 7", .device_kind = "cpu", .threads = 3}));
  EXPECT_EQ(ready.host, "h");
  EXPECT_EQ(ready.process_id, 12);
  EXPECT_EQ(ready.device, "cpu 7");
  EXPECT_EQ(ready.device_kind, "cpu");
  EXPECT_EQ(ready.threads, 3);
  const auto lost =
      std::get<WorkerFailed>(pass(WorkerFailed{.reason = "r", .exit_code = ExitCode::kBadInput}));
  EXPECT_EQ(lost.reason, "r");
  EXPECT_EQ(lost.exit_code, ExitCode::kBadInput);
  const auto progress = std::get<UnitProgress>(
      pass(UnitProgress{.unit = UnitId("u"), .lease = LeaseId(4), .questions_done = 9}));
  EXPECT_EQ(progress.unit, UnitId("u"));
  EXPECT_EQ(progress.lease, LeaseId(4));
  EXPECT_EQ(progress.questions_done, 9);
  const auto computed = std::get<UnitComputed>(pass(UnitComputed{.unit = UnitId("u"), .lease = LeaseId(4)}));
  EXPECT_EQ(computed.unit, UnitId("u"));
  EXPECT_EQ(computed.lease, LeaseId(4));
  const auto done =
      std::get<UnitDone>(pass(UnitDone{.unit = UnitId("u"), .lease = LeaseId(4), .seconds = 0.1}));
  EXPECT_EQ(done.seconds, 0.1);
  const auto failed = std::get<UnitFailed>(
      pass(UnitFailed{.unit = UnitId("u"), .lease = LeaseId(4), .reason = "why", .storage_failed = true}));
  EXPECT_EQ(failed.reason, "why");
  EXPECT_TRUE(failed.storage_failed);
  EXPECT_EQ(std::get<StopRequested>(pass(StopRequested{.signal = "SIGTERM"})).signal, "SIGTERM");
}

TEST(Messages, BytesThatAreNoTextSurviveAsMarks) {
  const WorkerMessage message =
      UnitFailed{.unit = UnitId("u"), .lease = LeaseId(0), .reason = "bad \xff byte"};
  EXPECT_EQ(std::get<UnitFailed>(decode_worker_message(encode(message))).reason, "bad \xEF\xBF\xBD byte");
}

TEST(Messages, NonsenseIsAnInputError) {
  EXPECT_THROW(decode_worker_message(""), InputError);
  EXPECT_THROW(decode_worker_message("[1]"), InputError);
  EXPECT_THROW(decode_worker_message(R"({"type": "dance"})"), InputError);
  EXPECT_THROW(decode_worker_message(R"({"type": "done", "unit": 3})"), InputError);
  EXPECT_THROW(decode_coordinator_message(R"({"type": "ready"})"), InputError);
  EXPECT_THROW(decode_coordinator_message(R"({"type": "run", "unit": {}, "lease": 1})"), InputError);
}

TEST(ContentHash, AgreesWithXxhsumAndWithItself) {
  // printf '' | xxh128sum; printf abc | xxh128sum
  EXPECT_EQ(hash_bytes(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hash_bytes("abc"), "06b05ab6733a618578af5f94892f3950");
  const auto file = std::filesystem::path(::testing::TempDir()) / "content_hash_test";
  const std::string text(3'000'001, 'x');
  std::ofstream(file, std::ios::binary) << text;
  EXPECT_EQ(hash_file(file), hash_bytes(text));
  std::filesystem::remove(file);
  EXPECT_THROW(hash_file(file), SystemError);
}

}  // namespace
}  // namespace lacuna
