#include "results/run_verification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "results/checksum_trailer.h"
#include "results/hdf5_file.h"
#include "results/merge.h"
#include "results/part_bundling.h"
#include "results/part_catalog.h"
#include "results/part_writer.h"
#include "tests/results/synthetic_run.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::SyntheticRun;
using testing::TemporaryFolder;

class RunVerificationTest : public ::testing::Test {
 protected:
  RunVerificationTest() {
    made.write_manifest_file();
    made.write_parts(made.all_units());
  }
  [[nodiscard]] Verification verify() const {
    return verify_run(made.run, {.scratch_folder = folder.path()});
  }
  [[nodiscard]] std::filesystem::path part(std::size_t unit) const {
    return made.run.part_file(made.plan[unit].id);
  }
  // Writes plan[1]'s part once more with a change.
  void rewrite_part(const std::function<void(QuestionRecord&)>& change) const {
    PartWriter writer(made.run, made.config, made.fingerprint);
    const WorkUnit& unit = made.plan[1];
    writer.begin_unit(unit, made.layers(unit));
    for (std::int64_t i = 0; i < unit.question_count; ++i) {
      QuestionRecord record = made.record(unit, unit.first_question.value() + i);
      change(record);
      writer.write(record);
    }
    writer.commit_unit();
  }
  // Changes values of a file in place (tests of damage that a checksum does not see) and signs it again.
  template <class T>
  static void rewrite(const std::filesystem::path& file, const std::string& dataset, std::int64_t first,
                      const std::vector<T>& values) {
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - kChecksumTrailerBytes);
    Hdf5File hdf5 = Hdf5File::open_for_change(file);
    Hdf5Dataset target = hdf5.open_dataset(dataset);
    target.write_rows<T>(first, static_cast<std::int64_t>(values.size()), values);
    target.close();
    hdf5.close();
    append_checksum_trailer(file);
  }

  TemporaryFolder folder;
  SyntheticRun made{folder.path() / "run"};
};

TEST_F(RunVerificationTest, AWholeRunWithoutAStore) {
  const Verification result = verify();
  EXPECT_EQ(result.exit_code(), ExitCode::kOk) << render_verification(result);
  EXPECT_EQ(result.units_whole, 24);
  EXPECT_EQ(result.questions_whole, 56);
  EXPECT_FALSE(result.has_store);
  EXPECT_THAT(render_verification(result), HasSubstr("all well and complete; 24 of 24 units"));
}

TEST_F(RunVerificationTest, AWholeRunWithItsStoreBundledOrNot) {
  const auto store = merge_run(made.run);
  for (const bool bundled : {false, true}) {
    if (bundled) bundle_parts(made.run, made.manifest(), {.parts = 5});
    const Verification result = verify();
    EXPECT_EQ(result.exit_code(), ExitCode::kOk) << render_verification(result);
    EXPECT_TRUE(result.store_was_compared);
    EXPECT_THAT(result.notes, IsEmpty());
  }
  const Verification alone = verify_store(store);
  EXPECT_EQ(alone.exit_code(), ExitCode::kOk) << render_verification(alone);
  EXPECT_EQ(alone.questions_whole, 56);
  // Nothing is left in the scratch folder or in the run.
  EXPECT_THAT(testing::names_in(folder.path()), ElementsAre("run"));
  EXPECT_THAT(testing::names_in(made.run.root()), ElementsAre("manifest.json", "parts", "store.h5"));
}

TEST_F(RunVerificationTest, MissingUnitsAreIncompleteNotDamaged) {
  std::filesystem::remove(part(2));
  record_failed_unit(made.run, made.plan[2].id, "out of memory");
  merge_run(made.run, {.allow_incomplete = true});
  Verification result = verify();
  EXPECT_EQ(result.exit_code(), ExitCode::kIncomplete) << render_verification(result);
  EXPECT_THAT(result.missing, ElementsAre("unit m0.b0.shared.0006: no whole part (out of memory)"));
  EXPECT_TRUE(result.store_was_compared);
  EXPECT_EQ(verify_store(made.run.store_file()).exit_code(), ExitCode::kIncomplete);
  // The unit comes, the store is behind.
  made.write_parts({2});
  result = verify();
  EXPECT_EQ(result.exit_code(), ExitCode::kIncomplete);
  EXPECT_THAT(result.missing, ElementsAre(HasSubstr("1 units are committed that it lacks")));
}

TEST_F(RunVerificationTest, DamagedPartsLooseAndBundled) {
  testing::flip_bit(part(1), 900);
  EXPECT_EQ(verify().exit_code(), ExitCode::kFailure);
  EXPECT_THAT(verify().damage, ElementsAre(AllOf(HasSubstr(part(1).string()), HasSubstr("checksum"))));
  EXPECT_EQ(verify().units_whole, 23);
  made.write_parts({1});
  bundle_parts(made.run, made.manifest(), {.parts = 24});
  const ListedBundle bundle = list_parts(made.run).bundles.at(0);
  testing::flip_bit(bundle.file, bundle.index.parts[5].offset + 900);
  EXPECT_THAT(verify().damage, ElementsAre(HasSubstr("(unit " + bundle.index.parts[5].unit.value() + ")")));
  testing::flip_bit(bundle.file, bundle.index.parts[5].offset + 900);
  testing::flip_bit(bundle.file, std::filesystem::file_size(bundle.file) - 50);
  EXPECT_THAT(verify().damage, Contains(HasSubstr("its index does not match its checksum")));
}

TEST_F(RunVerificationTest, ForeignParts) {
  testing::write_bytes(made.run.parts_folder() / "x.h5", {'x'});
  EXPECT_THAT(verify().damage, ElementsAre(HasSubstr("no unit of the plan has this name")));
}

TEST_F(RunVerificationTest, DoublesAreANoteIfTheyAreTheSameAndDamageIfNot) {
  bundle_parts(made.run, made.manifest(), {.parts = 24});
  made.write_parts({1}, 5.0);  // other timings: a late worker
  EXPECT_EQ(verify().exit_code(), ExitCode::kOk) << render_verification(verify());
  EXPECT_THAT(verify().notes, ElementsAre(HasSubstr("are the same")));
  rewrite_part([](QuestionRecord& record) { record.responses[0].correct = !record.responses[0].correct; });
  EXPECT_THAT(verify().damage, ElementsAre(HasSubstr("/trace/response/correct [0]")));
}

TEST_F(RunVerificationTest, AStoreThatDiffersFromTheParts) {
  const auto store = merge_run(made.run);
  rewrite_part([](QuestionRecord& record) { record.responses[3].correct = !record.responses[3].correct; });
  const Verification result = verify();
  EXPECT_EQ(result.exit_code(), ExitCode::kFailure);
  EXPECT_THAT(result.damage,
              ElementsAre(AllOf(HasSubstr("it differs from the parts"), HasSubstr("exit/response/correct"))));
  EXPECT_EQ(verify_run(made.run, {.compare_store = false}).exit_code(), ExitCode::kOk);
}

TEST_F(RunVerificationTest, AStoreWithAFlippedBitOrOfAnotherRun) {
  const auto store = merge_run(made.run);
  testing::flip_bit(store, std::filesystem::file_size(store) / 2);
  EXPECT_THAT(verify().damage, ElementsAre(HasSubstr("store.h5: its checksum does not match")));
  EXPECT_EQ(verify_store(store).exit_code(), ExitCode::kFailure);
  std::filesystem::resize_file(store, 5000);
  EXPECT_EQ(verify_store(store).exit_code(), ExitCode::kFailure);
  SyntheticRun other(folder.path() / "other");
  other.fingerprint = "another";
  other.write_manifest_file();
  other.write_parts(other.all_units());
  std::filesystem::rename(merge_run(other.run), store);
  EXPECT_THAT(verify().damage, ElementsAre(HasSubstr("it is the store of another run")));
}

TEST_F(RunVerificationTest, WhatIsNeitherRunNorStoreIsRefused) {
  EXPECT_THROW((void)verify_run(RunDirectory(folder.path())), InputError);
  EXPECT_THROW((void)verify_store(folder.write("x.h5", "hello")), Hdf5Error);
  EXPECT_THROW((void)verify_store(part(0)), InputError);
}

// Contents that are wrong although every checksum fits: a defect of ours, or of who made the file.
TEST_F(RunVerificationTest, ContentsThatContradictEachOther) {
  const std::string sweep = "/results/tiny-a/mmlu/";
  const auto problem = [&](const auto& spoil) {
    made.write_parts({1, 4});
    spoil();
    const std::vector<std::string> damage = verify().damage;
    return damage.empty() ? "none" : damage.front();
  };
  const auto with = [&](const std::string& dataset, std::int64_t first, const auto& values) {
    return problem([&] { rewrite(part(1), sweep + dataset, first, values); });
  };
  using Ints = std::vector<std::int64_t>;
  using Bytes = std::vector<std::uint8_t>;
  EXPECT_EQ(problem([] {}), "none");
  EXPECT_THAT(with("trace/response/question_index", 1, Ints{3}), HasSubstr("entry 1 is 3 instead of 4"));
  EXPECT_THAT(with("exit/response/question_index", 8, Ints{4}), HasSubstr("entry 8 is 4 instead of 5"));
  EXPECT_THAT(with("exit/response/alpha_index", 4, std::vector<std::int32_t>{2}),
              HasSubstr("entry 4 is 2 instead of 1"));
  EXPECT_THAT(with("trace/pp/row_offsets", 1, Ints{-1}), HasSubstr("do not rise from 0"));
  EXPECT_THAT(with("trace/pp/row_offsets", 1, Ints{1}), HasSubstr("rows for a prompt of"));
  EXPECT_THAT(with("trace/rg/row_offsets", 3, Ints{1000000}), HasSubstr("its shape is"));
  EXPECT_THAT(with("trace/response/token_offsets", 0, Ints{1}), HasSubstr("do not rise from 0"));
  EXPECT_THAT(with("trace/response/correct", 0, Bytes{7}), HasSubstr("values other than 0 and 1"));
  EXPECT_THAT(with("trace/timing/question_index", 0, Ints{9}), HasSubstr("entry 0 is 9"));
  EXPECT_THAT(with("layer", 0, std::vector<std::int32_t>{5}), HasSubstr("entry 0 is 5"));
  EXPECT_THAT(with("question/id", 0, std::vector<std::string>{"mmlu/test/4"}), HasSubstr("is there twice"));
  EXPECT_THAT(
      problem([&] { rewrite(part(4), sweep + "propagate/pp/alpha_index", 0, std::vector<std::int32_t>{1}); }),
      HasSubstr("entry 0 is 1 instead of 0"));
}

// mmlu is scored both ways, boolq by log-likelihood only.
class ScoredRunVerificationTest : public RunVerificationTest {
 protected:
  ScoredRunVerificationTest() {
    made.config.benchmarks[0].scoring = {Scoring::kGenerate, Scoring::kLoglik};
    made.config.benchmarks[1].scoring = {Scoring::kLoglik};
    made.write_manifest_file();
    made.write_parts(made.all_units());
  }
};

TEST_F(ScoredRunVerificationTest, AWholeRunHasScoresAndWhereOnlyTheyAreAskedForNoAnswers) {
  Verification result = verify();
  EXPECT_EQ(result.exit_code(), ExitCode::kOk) << render_verification(result);
  EXPECT_EQ(result.units_whole, 24);
  const auto store = merge_run(made.run);
  result = verify();
  EXPECT_EQ(result.exit_code(), ExitCode::kOk) << render_verification(result);
  EXPECT_TRUE(result.store_was_compared);
  EXPECT_EQ(verify_store(store).exit_code(), ExitCode::kOk) << render_verification(verify_store(store));
}

TEST_F(ScoredRunVerificationTest, ScoresThatContradictEachOther) {
  const std::string sweep = "/results/tiny-a/mmlu/";
  const auto with = [&](const std::string& dataset, std::int64_t first, const auto& values) {
    made.write_parts({1});
    rewrite(part(1), sweep + dataset, first, values);
    const std::vector<std::string> damage = verify().damage;
    return damage.empty() ? "none" : damage.front();
  };
  using Ints = std::vector<std::int64_t>;
  using Counts = std::vector<std::int32_t>;
  using Bytes = std::vector<std::uint8_t>;
  EXPECT_THAT(with("trace/loglik/question_index", 1, Ints{3}), HasSubstr("entry 1 is 3 instead of 4"));
  EXPECT_THAT(with("exit/loglik/question_index", 8, Ints{4}), HasSubstr("entry 8 is 4 instead of 5"));
  EXPECT_THAT(with("exit/loglik/alpha_index", 4, Counts{2}), HasSubstr("entry 4 is 2 instead of 1"));
  EXPECT_THAT(with("trace/loglik/continuation_offsets", 1, Ints{-1}), HasSubstr("do not rise from 0"));
  EXPECT_THAT(with("trace/loglik/continuation_offsets", 1, Ints{0}),
              HasSubstr("a score without continuations"));
  EXPECT_THAT(with("trace/loglik/continuation_offsets", 3, Ints{1000}), HasSubstr("its shape is"));
  EXPECT_THAT(with("trace/loglik/token_count", 0, Counts{0}), HasSubstr("a continuation without tokens"));
  for (const std::string column : {"is_greedy", "correct", "correct_normalized"}) {
    EXPECT_THAT(with("exit/loglik/" + column, 0, Bytes{2}),
                AllOf(HasSubstr(column), HasSubstr("values other than 0 and 1")));
  }
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(with("exit/loglik/log_likelihood", 0, std::vector<double>{value}),
                HasSubstr("values that are not finite"));
  }
}

TEST_F(RunVerificationTest, AStoreThatAsksAQuestionTwice) {
  const auto store = merge_run(made.run);
  rewrite(store, "/results/tiny-b/boolq/exit/response/question_index", 5, std::vector<std::int64_t>{2});
  const Verification result = verify_store(store);
  EXPECT_THAT(result.damage,
              ElementsAre(AllOf(HasSubstr("/results/tiny-b/boolq/exit/response/question_index"),
                                HasSubstr("entry 5 is 2 instead of 1"))));
  EXPECT_EQ(to_json(result)["ok"], false);
}

}  // namespace
}  // namespace lacuna
