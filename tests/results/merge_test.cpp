#include "results/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/error.h"
#include "results/checksum_trailer.h"
#include "results/hdf5_file.h"
#include "results/part_writer.h"
#include "results/store_reader.h"
#include "tests/results/synthetic_run.h"

// HDF5 loses some of its own memory when it cannot write a file that it has to close (the full disk below).
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libhdf5";
}

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SyntheticRun;
using testing::TemporaryFolder;

std::string merge_refusal(const RunDirectory& run, const MergeOptions& options = {}) {
  try {
    merge_run(run, options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "merged";
}

// Everything that the reader gives back is what the records said.
void expect_same_as_records(const SyntheticRun& made, const StoredSweep& sweep, const WorkUnit& unit) {
  const auto alphas = static_cast<std::int64_t>(made.config.lac.alphas.size());
  for (std::int64_t i = 0; i < unit.question_count; ++i) {
    const std::int64_t question = unit.first_question.value() + i;
    const QuestionRecord record = made.record(unit, question);
    const bool is_shared = unit.stream == StreamKind::kShared;
    for (std::size_t pp = 0; pp < record.pp.size(); ++pp) {
      const std::int64_t number = is_shared ? question : question * alphas + static_cast<std::int64_t>(pp);
      for (const LacMode mode : {LacMode::kTrace, LacMode::kExit, LacMode::kPropagate}) {
        if ((mode != LacMode::kPropagate) != is_shared) continue;
        const TraceRows rows = sweep.read_pp(mode, number);
        EXPECT_EQ(rows.norms, record.pp[pp].norms);
        EXPECT_EQ(rows.active, record.pp[pp].active);
        EXPECT_EQ(sweep.prompt_trace_questions(mode)[static_cast<std::size_t>(number)].value(), question);
      }
    }
    for (const ResponseRecord& response : record.responses) {
      const std::int64_t number = response.alpha ? question * alphas + response.alpha->value() : question;
      const StoredResponse stored = sweep.read_responses(response.mode, number, 1).front();
      EXPECT_EQ(stored.question.value(), question);
      EXPECT_EQ(stored.alpha.value(), response.alpha ? response.alpha->value() : -1);
      EXPECT_EQ(stored.token_ids, response.token_ids);
      EXPECT_EQ(stored.text, response.text);
      EXPECT_EQ(stored.choice, response.choice);
      EXPECT_EQ(stored.correct, response.correct);
      EXPECT_EQ(stored.stop_reason, response.stop_reason);
      const TraceRows rg = sweep.read_rg(response.mode, number);
      EXPECT_EQ(rg.norms, response.rg.norms);
      EXPECT_EQ(rg.active, response.rg.active);
    }
  }
}

TEST(Merge, TheStoreHoldsEveryRecord) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_manifest_file();
  made.write_parts(made.all_units());
  const auto store = merge_run(made.run);
  EXPECT_EQ(store, made.run.store_file());
  EXPECT_EQ(find_checksum_problem(store), std::nullopt);
  const StoreReader reader(store);
  EXPECT_TRUE(reader.is_complete());
  EXPECT_TRUE(reader.missing_units().empty());
  const std::vector<StoredSweep> sweeps = reader.sweeps();
  ASSERT_EQ(sweeps.size(), 4U);
  for (const WorkUnit& unit : made.plan) {
    const auto& sweep = sweeps[static_cast<std::size_t>(unit.model.value() * 2 + unit.benchmark.value())];
    EXPECT_EQ(sweep.question_count(), 7);
    EXPECT_EQ(sweep.layers(), made.layers(unit));
    expect_same_as_records(made, sweep, unit);
  }
  const Hdf5File file = Hdf5File::open(store);
  const std::string question = "/results/tiny-b/boolq/question";
  const QuestionRecord last = made.record(made.plan.back(), 6);
  const auto offsets = file.read<std::int64_t>(question + "/prompt_token_offsets").values;
  ASSERT_EQ(offsets.size(), 8U);
  std::vector<TokenId> ids;
  const auto all = file.read<std::int32_t>(question + "/prompt_token_ids").values;
  for (auto at = offsets[6]; at < offsets[7]; ++at) ids.emplace_back(all[static_cast<std::size_t>(at)]);
  EXPECT_EQ(ids, last.prompt_ids);
  EXPECT_EQ(file.read<std::string>(question + "/id").values.back(), "boolq/test/6");
}

// mmlu: answers and log-likelihoods, boolq: log-likelihoods only.
SyntheticRun make_scored_run(const std::filesystem::path& folder) {
  SyntheticRun made(folder);
  made.config.benchmarks[0].scoring = {Scoring::kGenerate, Scoring::kLoglik};
  made.config.benchmarks[1].scoring = {Scoring::kLoglik};
  made.write_manifest_file();
  return made;
}

void expect_same_score(const StoredScore& stored, const ScoreRecord& record) {
  EXPECT_EQ(stored.alpha.value(), record.alpha ? record.alpha->value() : -1);
  EXPECT_EQ(stored.choice, record.choice);
  EXPECT_EQ(stored.correct, record.correct);
  EXPECT_EQ(stored.choice_normalized, record.choice_normalized);
  EXPECT_EQ(stored.correct_normalized, record.correct_normalized);
  ASSERT_EQ(stored.continuations.size(), record.continuations.size());
  for (std::size_t i = 0; i < stored.continuations.size(); ++i) {
    EXPECT_EQ(stored.continuations[i].choice, record.continuations[i].choice);
    EXPECT_EQ(stored.continuations[i].tokens, record.continuations[i].tokens);
    EXPECT_EQ(stored.continuations[i].characters, record.continuations[i].characters);
    EXPECT_EQ(stored.continuations[i].log_likelihood, record.continuations[i].log_likelihood);
    EXPECT_EQ(stored.continuations[i].is_greedy, record.continuations[i].is_greedy);
  }
}

TEST(Merge, TheStoreHoldsEveryScore) {
  const TemporaryFolder folder;
  const SyntheticRun made = make_scored_run(folder.path() / "run");
  made.write_parts(made.all_units());
  const StoreReader reader(merge_run(made.run));
  const std::vector<StoredSweep> sweeps = reader.sweeps();
  ASSERT_EQ(sweeps.size(), 4U);
  for (const WorkUnit& unit : made.plan) {
    const auto& sweep = sweeps[static_cast<std::size_t>(unit.model.value() * 2 + unit.benchmark.value())];
    expect_same_as_records(made, sweep, unit);
    for (std::int64_t i = 0; i < unit.question_count; ++i) {
      const std::int64_t question = unit.first_question.value() + i;
      for (const ScoreRecord& score : made.record(unit, question).scores) {
        const std::int64_t number = score.alpha ? question * 3 + score.alpha->value() : question;
        const StoredScore stored = sweep.read_scores(score.mode, number, 1).front();
        EXPECT_EQ(stored.question.value(), question);
        expect_same_score(stored, score);
      }
    }
  }
  for (const LacMode mode : {LacMode::kTrace, LacMode::kExit, LacMode::kPropagate}) {
    const std::int64_t answers = mode == LacMode::kTrace ? 7 : 21;
    EXPECT_EQ(sweeps[0].response_count(mode), answers);
    EXPECT_EQ(sweeps[0].score_count(mode), answers);
    EXPECT_EQ(sweeps[1].response_count(mode), 0) << "only log-likelihoods";
    EXPECT_EQ(sweeps[1].score_count(mode), answers);
    EXPECT_TRUE(sweeps[1].has_scores(mode));
  }
}

TEST(Merge, ScoresOfMergedStoresAreCompared) {
  const TemporaryFolder folder;
  const SyntheticRun a = make_scored_run(folder.path() / "a");
  const SyntheticRun b = make_scored_run(folder.path() / "b");
  a.write_parts(a.all_units(), 1);
  std::vector<std::size_t> order = b.all_units();
  std::reverse(order.begin(), order.end());
  b.write_parts(order, 2);
  const auto store_a = merge_run(a.run);
  EXPECT_EQ(compare_stores(store_a, merge_run(b.run)), "");
  PartWriter writer(b.run, b.config, b.fingerprint);
  const WorkUnit& unit = b.plan[0];
  writer.begin_unit(unit, b.layers(unit));
  for (std::int64_t i = 0; i < unit.question_count; ++i) {
    QuestionRecord record = b.record(unit, i);
    double& sum = record.scores[1].continuations[0].log_likelihood;
    if (i == 2) sum = std::nextafter(sum, 0.0);
    writer.write(record);
  }
  writer.commit_unit();
  EXPECT_THAT(compare_stores(store_a, merge_run(b.run)),
              HasSubstr("/results/tiny-a/mmlu/exit/loglik/log_likelihood ["));
}

TEST(Merge, PartsWithoutTheScoresThatTheRunAskedForAreRefused) {
  const TemporaryFolder folder;
  SyntheticRun made = make_scored_run(folder.path() / "run");
  made.write_parts(made.all_units());
  made.config.benchmarks[0].scoring = {Scoring::kGenerate};
  made.write_parts({0});
  EXPECT_THAT(merge_refusal(made.run), HasSubstr("it lacks log-likelihoods"));
  made.write_manifest_file();
  EXPECT_THAT(merge_refusal(made.run), HasSubstr("it holds log-likelihoods"));
}

TEST(Merge, TheOrderOfThePartsAndTimingsDoNotMatter) {
  const TemporaryFolder folder;
  const SyntheticRun a(folder.path() / "a");
  SyntheticRun b(folder.path() / "b");
  b.config.name = "other-name";
  b.config.compute.threads = 3;
  std::vector<std::size_t> order = b.all_units();
  std::shuffle(order.begin(), order.end(), std::mt19937(5));
  a.write_manifest_file();
  b.write_manifest_file();
  a.write_parts(a.all_units(), 1);
  b.write_parts(order, 2);
  const auto store_a = merge_run(a.run);
  const auto store_b = merge_run(b.run);
  EXPECT_EQ(compare_stores(store_a, store_b), "");
  EXPECT_EQ(content_digest(store_a), content_digest(store_b));
  EXPECT_NE(Hdf5File::open(store_a).read<double>("/results/tiny-a/mmlu/exit/timing/decode_seconds").values,
            Hdf5File::open(store_b).read<double>("/results/tiny-a/mmlu/exit/timing/decode_seconds").values);
}

TEST(Merge, ComparisonFindsOneBitAndSaysWhere) {
  const TemporaryFolder folder;
  const SyntheticRun a(folder.path() / "a");
  const SyntheticRun b(folder.path() / "b");
  a.write_manifest_file();
  b.write_manifest_file();
  a.write_parts(a.all_units());
  b.write_parts(b.all_units());
  PartWriter writer(b.run, b.config, b.fingerprint);
  const WorkUnit& unit = b.plan[1];
  writer.begin_unit(unit, b.layers(unit));
  for (std::int64_t i = 0; i < unit.question_count; ++i) {
    QuestionRecord record = b.record(unit, unit.first_question.value() + i);
    if (i == 1) record.responses[3].rg.active.back() ^= 0x80;
    writer.write(record);
  }
  writer.commit_unit();
  const auto store_a = merge_run(a.run);
  const auto store_b = merge_run(b.run);
  EXPECT_THAT(compare_stores(store_a, store_b), HasSubstr("/results/tiny-a/mmlu/exit/rg/active ["));
  EXPECT_NE(content_digest(store_a), content_digest(store_b));
}

TEST(Merge, ListsMissingAndCorruptParts) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_manifest_file();
  made.write_parts({0, 1, 3});
  record_failed_unit(made.run, made.plan[2].id, "the device was lost");
  auto bytes = testing::read_bytes(made.run.part_file(made.plan[1].id));
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  testing::write_bytes(made.run.part_file(made.plan[1].id), bytes);
  EXPECT_THAT(merge_refusal(made.run),
              AllOf(HasSubstr("2 of 24 units"), HasSubstr("checksum does not match"),
                    HasSubstr("m0.b0.shared.0006: no part (the device was lost)"), HasSubstr("and ")));
  EXPECT_FALSE(std::filesystem::exists(made.run.store_file()));
}

TEST(Merge, AnIncompleteRunCanBeMergedAndSaysSo) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_manifest_file();
  made.write_parts({0, 2, 4});  // questions 0-2 and 6 of the shared stream, 3-5 of propagate
  record_failed_unit(made.run, made.plan[1].id, "the device was lost");
  const auto store = merge_run(made.run, {.allow_incomplete = true});
  const StoreReader reader(store);
  EXPECT_FALSE(reader.is_complete());
  EXPECT_EQ(reader.missing_units().size(), made.plan.size() - 3);
  EXPECT_EQ(reader.missing_units()[0].why, "the device was lost");
  const std::vector<StoredSweep> sweeps = reader.sweeps();
  ASSERT_EQ(sweeps.size(), 1U);
  EXPECT_EQ(sweeps[0].question_count(), 7);
  EXPECT_THAT(Hdf5File::open(store).read<std::int64_t>("/results/tiny-a/mmlu/question/index").values,
              ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_EQ(sweeps[0].prompt_trace_count(LacMode::kTrace), 4);
  EXPECT_EQ(sweeps[0].read_pp(LacMode::kTrace, 3).norms, made.record(made.plan[2], 6).pp[0].norms);
  EXPECT_EQ(sweeps[0].read_pp(LacMode::kPropagate, 0).norms, made.record(made.plan[4], 3).pp[0].norms);
}

TEST(Merge, PartsThatDoNotBelongAreNeverMerged) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_manifest_file();
  made.write_parts(made.all_units());
  const auto part = made.run.part_file(made.plan[0].id);
  const auto bytes = testing::read_bytes(part);
  const MergeOptions lenient{.allow_incomplete = true, .output = {}};

  testing::write_bytes(made.run.parts_folder() / "copy of a part.h5", bytes);
  EXPECT_THAT(merge_refusal(made.run, lenient), HasSubstr("copy of a part.h5: no unit of the plan"));
  std::filesystem::remove(made.run.parts_folder() / "copy of a part.h5");

  testing::write_bytes(part, testing::read_bytes(made.run.part_file(made.plan[1].id)));
  EXPECT_THAT(merge_refusal(made.run, lenient), HasSubstr("its unit is 'm0.b0.shared.0003'"));

  SyntheticRun other(folder.path() / "run");
  other.fingerprint = "another";
  other.write_parts({0});
  EXPECT_THAT(merge_refusal(made.run, lenient), HasSubstr("its run_fingerprint is 'another'"));

  testing::write_bytes(part, bytes);
  EXPECT_EQ(merge_refusal(made.run), "merged");
}

TEST(Merge, UnitsThatOverlapAreRefused) {
  const TemporaryFolder folder;
  SyntheticRun made(folder.path() / "run");
  made.plan[1].first_question = QuestionIndex(2);
  made.write_manifest_file();
  made.write_parts(made.all_units());
  EXPECT_THAT(merge_refusal(made.run), HasSubstr("both hold question 2"));
}

TEST(Merge, StoresOfAnotherMajorVersionAreRefused) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "future.h5";
  {
    Hdf5File store = Hdf5File::create(file);
    store.write_attribute("/", "format", std::string("lacuna-store"));
    store.write_attribute("/", "format_version_major", std::int64_t{2});
    store.write_attribute("/", "kind", std::string("store"));
  }
  try {
    const StoreReader reader(file);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("format version 2"), HasSubstr("reads version 1")));
  }
  const auto foreign = folder.path() / "foreign.h5";
  Hdf5File::create(foreign).close();
  EXPECT_THROW(const StoreReader reader(foreign), InputError);
}

TEST(Merge, APartIsNoStore) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_parts({0});
  EXPECT_THROW(const StoreReader reader(made.run.part_file(made.plan[0].id)), InputError);
}

TEST(Merge, StoresWithoutNormsAndWithoutExit) {
  const TemporaryFolder folder;
  SyntheticRun made(folder.path() / "run");
  made.config.store.norms = false;
  made.write_manifest_file();
  made.write_parts(made.all_units());
  const StoreReader reader(merge_run(made.run));
  const TraceRows rows = reader.sweeps()[0].read_pp(LacMode::kExit, 2);
  EXPECT_TRUE(rows.norms.empty());
  EXPECT_EQ(rows.active, made.record(made.plan[0], 2).pp[0].active);
}

TEST(Merge, AFullDiskLeavesTheOldStoreAndNoTemporary) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_manifest_file();
  made.write_parts(made.all_units());
  const auto store = merge_run(made.run);
  const auto before_bytes = testing::read_bytes(store);
  ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  for (const std::size_t limit : {std::size_t{100}, before_bytes.size() / 2, before_bytes.size() - 20}) {
    const rlimit small{.rlim_cur = limit, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    EXPECT_THROW(merge_run(made.run), StorageError) << limit;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(testing::read_bytes(store), before_bytes) << limit;
    for (const auto& entry : std::filesystem::directory_iterator(made.run.root())) {
      EXPECT_NE(entry.path().extension(), ".tmp") << limit;
    }
  }
}

}  // namespace
}  // namespace lacuna
