#include "results/part_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "results/checksum_trailer.h"
#include "results/hdf5_file.h"
#include "results/part_catalog.h"
#include "tests/results/synthetic_run.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::names_in;
using testing::SyntheticRun;
using testing::TemporaryFolder;

TEST(PartWriter, NothingIsVisibleBeforeTheCommit) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  PartWriter writer(made.run, made.config);
  writer.begin_unit(made.plan[0], made.layers(made.plan[0]));
  for (std::int64_t i = 0; i < made.plan[0].question_count; ++i) writer.write(made.record(made.plan[0], i));
  EXPECT_TRUE(names_in(made.run.parts_folder()).empty());
  writer.commit_unit();
  EXPECT_THAT(names_in(made.run.parts_folder()), ElementsAre(made.plan[0].id.value() + ".h5"));
  EXPECT_EQ(committed_units(made.run), std::set<UnitId>{made.plan[0].id});
}

TEST(PartWriter, AUnitThatIsBegunAgainStartsEmpty) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  PartWriter writer(made.run, made.config, made.fingerprint);
  writer.begin_unit(made.plan[1], made.layers(made.plan[1]));
  writer.write(made.record(made.plan[1], made.plan[1].first_question.value()));
  writer.begin_unit(made.plan[0], made.layers(made.plan[0]));
  for (std::int64_t i = 0; i < made.plan[0].question_count; ++i) writer.write(made.record(made.plan[0], i));
  writer.commit_unit();
  const auto redone = testing::read_bytes(made.run.part_file(made.plan[0].id));
  made.write_parts({0});
  EXPECT_EQ(redone, testing::read_bytes(made.run.part_file(made.plan[0].id)));
  EXPECT_EQ(committed_units(made.run).size(), 1U);
}

TEST(PartWriter, HoldsWhatTheRecordsSaid) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_parts({0});
  const Hdf5File part = Hdf5File::open(made.run.part_file(made.plan[0].id));
  const std::string sweep = "/results/tiny-a/mmlu";
  const QuestionRecord first = made.record(made.plan[0], 0);
  const QuestionRecord second = made.record(made.plan[0], 1);
  EXPECT_THAT(part.read<double>(sweep + "/alpha").values, ElementsAre(0.2, 0.5, 0.8));
  EXPECT_THAT(part.read<std::string>(sweep + "/question/id").values,
              ElementsAre("mmlu/test/0", "mmlu/test/1", "mmlu/test/2"));
  const auto offsets = part.read<std::int64_t>(sweep + "/trace/pp/row_offsets").values;
  ASSERT_EQ(offsets.size(), 4U);
  EXPECT_EQ(offsets[1], first.pp[0].tokens);
  EXPECT_EQ(part.open_dataset(sweep + "/trace/pp/norms").read_rows<float>(offsets[1], second.pp[0].tokens),
            second.pp[0].norms);
  EXPECT_EQ(
      part.open_dataset(sweep + "/trace/pp/active").read_rows<std::uint8_t>(offsets[1], second.pp[0].tokens),
      second.pp[0].active);
  EXPECT_EQ(part.object_address(sweep + "/exit/pp"), part.object_address(sweep + "/trace/pp"));
  // Exit: questions outermost, thresholds rising; row 3 is question 1 at the first threshold.
  EXPECT_THAT(part.read<std::int32_t>(sweep + "/exit/response/alpha_index").values,
              ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2));
  EXPECT_EQ(part.read<std::string>(sweep + "/exit/response/text").values[3], second.responses[1].text);
  EXPECT_EQ(part.shape(sweep + "/trace/rg/active").size(), 3U);
  EXPECT_EQ(part.shape(sweep + "/exit/rg/active").size(), 2U);
  EXPECT_THAT(part.axis_labels(sweep + "/trace/pp/active"), ElementsAre("token", "alpha", "layer_byte"));
  EXPECT_THAT(part.axis_labels(sweep + "/exit/rg/norms"), ElementsAre("token", "state"));
  EXPECT_FALSE(part.exists(sweep + "/propagate"));
}

TEST(PartWriter, HoldsLogLikelihoodsIfAskedTo) {
  const TemporaryFolder folder;
  SyntheticRun made(folder.path() / "run");
  const WorkUnit& unit = made.plan[0];
  const std::string exit = "/results/tiny-a/mmlu/exit";
  made.write_parts({0});
  EXPECT_FALSE(Hdf5File::open(made.run.part_file(unit.id)).exists(exit + "/loglik"));
  made.config.benchmarks[0].scoring = {Scoring::kGenerate, Scoring::kLoglik};
  made.write_parts({0});
  const Hdf5File part = Hdf5File::open(made.run.part_file(unit.id));
  EXPECT_EQ(part.read_scalar_attribute<std::int64_t>("/", "format_version_minor"), 1);
  const std::string group = exit + "/loglik";
  // Row 4 is question 1 at the second threshold; a record's first score is trace's.
  EXPECT_THAT(part.read<std::int64_t>(group + "/question_index").values,
              ElementsAre(0, 0, 0, 1, 1, 1, 2, 2, 2));
  EXPECT_THAT(part.read<std::int32_t>(group + "/alpha_index").values, ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2));
  const ScoreRecord score = made.record(unit, 1).scores.at(2);
  const auto offsets = part.read<std::int64_t>(group + "/continuation_offsets").values;
  ASSERT_EQ(offsets[5] - offsets[4], static_cast<std::int64_t>(score.continuations.size()));
  const auto row = static_cast<std::size_t>(offsets[4] + 1);
  const ContinuationScore& second = score.continuations[1];
  EXPECT_EQ(part.read<std::string>(group + "/continuation_choice").values[row], "B");
  EXPECT_EQ(part.read<std::int32_t>(group + "/continuation").values[row], 1);
  EXPECT_EQ(part.read<std::int32_t>(group + "/token_count").values[row], second.tokens);
  EXPECT_EQ(part.read<std::int32_t>(group + "/character_count").values[row], second.characters);
  EXPECT_EQ(part.read<double>(group + "/log_likelihood").values[row], second.log_likelihood);
  EXPECT_EQ(part.read<std::uint8_t>(group + "/is_greedy").values[row], second.is_greedy ? 1 : 0);
  EXPECT_EQ(part.read<std::string>(group + "/choice").values[4], score.choice);
  EXPECT_EQ(part.read<std::uint8_t>(group + "/correct").values[4], score.correct ? 1 : 0);
  EXPECT_EQ(part.read<std::string>(group + "/choice_normalized").values[4], score.choice_normalized);
  EXPECT_THAT(part.axis_labels(group + "/log_likelihood"), ElementsAre("continuation"));
  EXPECT_THAT(part.axis_labels(group + "/choice"), ElementsAre("score"));
}

TEST(PartWriter, LeavesNormsOutIfAskedTo) {
  const TemporaryFolder folder;
  SyntheticRun made(folder.path() / "run");
  made.config.store.norms = false;
  made.write_parts({0});
  const Hdf5File part = Hdf5File::open(made.run.part_file(made.plan[0].id));
  EXPECT_FALSE(part.exists("/results/tiny-a/mmlu/trace/pp/norms"));
  EXPECT_FALSE(part.exists("/results/tiny-a/mmlu/exit/rg/norms"));
  EXPECT_TRUE(part.exists("/results/tiny-a/mmlu/exit/rg/active"));
}

TEST(PartWriter, TextsThatHdf5CannotHoldAreMadeStorable) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run", 1);
  QuestionRecord record = made.record(made.plan[0], 0);
  record.responses[0].text = std::string("a\0b\xFF", 4);
  PartWriter writer(made.run, made.config);
  writer.begin_unit(made.plan[0], made.layers(made.plan[0]));
  writer.write(record);
  writer.commit_unit();
  const Hdf5File part = Hdf5File::open(made.run.part_file(made.plan[0].id));
  EXPECT_EQ(part.read<std::string>("/results/tiny-a/mmlu/trace/response/text").values[0],
            "a\xE2\x90\x80"
            "b\xEF\xBF\xBD");
}

TEST(PartWriter, RecordsThatDoNotFitTheUnitAreRefused) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  const WorkUnit& unit = made.plan[0];
  PartWriter writer(made.run, made.config);
  EXPECT_THROW(writer.write(made.record(unit, 0)), std::logic_error);
  EXPECT_THROW(writer.commit_unit(), std::logic_error);
  writer.begin_unit(unit, made.layers(unit));
  EXPECT_THROW(writer.write(made.record(unit, 1)), std::logic_error) << "out of order";
  const auto expect_refused = [&](const char* what, auto change) {
    QuestionRecord record = made.record(unit, 0);
    change(record);
    EXPECT_THROW(writer.write(record), std::logic_error) << what;
  };
  expect_refused("a response too few", [](QuestionRecord& record) { record.responses.pop_back(); });
  expect_refused("a doubled threshold",
                 [](QuestionRecord& record) { record.responses[2].alpha = AlphaIndex(0); });
  expect_refused("another mode",
                 [](QuestionRecord& record) { record.responses[1].mode = LacMode::kPropagate; });
  expect_refused("a pass too many", [](QuestionRecord& record) { record.responses[0].token_ids.pop_back(); });
  expect_refused("norms cut short", [](QuestionRecord& record) { record.pp[0].norms.pop_back(); });
  expect_refused("a prompt token too few", [](QuestionRecord& record) { record.prompt_ids.pop_back(); });
  expect_refused("scores that nobody asked for",
                 [](QuestionRecord& record) { record.scores.resize(record.responses.size()); });
  writer.write(made.record(unit, 0));
  EXPECT_THROW(writer.commit_unit(), std::logic_error) << "questions are missing";
}

TEST(PartWriter, ScoresThatDoNotFitTheUnitAreRefused) {
  const TemporaryFolder folder;
  SyntheticRun made(folder.path() / "run");
  made.config.benchmarks[0].scoring = {Scoring::kLoglik};
  const WorkUnit& unit = made.plan[0];
  PartWriter writer(made.run, made.config);
  writer.begin_unit(unit, made.layers(unit));
  const auto expect_refused = [&](const char* what, auto change) {
    QuestionRecord record = made.record(unit, 0);
    change(record);
    EXPECT_THROW(writer.write(record), std::logic_error) << what;
  };
  expect_refused("a score too few", [](QuestionRecord& record) { record.scores.pop_back(); });
  expect_refused("a doubled threshold",
                 [](QuestionRecord& record) { record.scores[2].alpha = AlphaIndex(0); });
  expect_refused("another mode", [](QuestionRecord& record) { record.scores[1].mode = LacMode::kPropagate; });
  expect_refused("no continuations", [](QuestionRecord& record) { record.scores[1].continuations.clear(); });
  expect_refused("an answer", [](QuestionRecord& record) { record.responses.emplace_back(); });
  writer.write(made.record(unit, 0));
}

TEST(PartWriter, AFullDiskIsOneErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_parts({0});
  // A limit on the size of files stands for the full disk.
  ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 2000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(made.write_parts({1}), StorageError);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(names_in(made.run.parts_folder()), ElementsAre(made.plan[0].id.value() + ".h5"));
  made.write_parts({1});
  EXPECT_EQ(committed_units(made.run).size(), 2U);
}

TEST(PartChecksum, FindsEveryFlippedByteAndEveryTruncation) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run", 1);
  made.write_parts({0});
  const auto file = made.run.part_file(made.plan[0].id);
  const std::vector<char> bytes = testing::read_bytes(file);
  ASSERT_EQ(find_checksum_problem(file), std::nullopt);
  std::size_t missed = 0;
  const auto damaged = folder.path() / "damaged.h5";
  testing::write_bytes(damaged, bytes);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at + 200 < bytes.size() && at % 13 != 0) continue;  // all of the end, a sample of the rest
    const auto put = [&](char value) {
      std::fstream stream(damaged, std::ios::binary | std::ios::in | std::ios::out);
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put(value);
    };
    put(static_cast<char>(bytes[at] ^ 0x10));
    if (!find_checksum_problem(damaged)) ++missed;
    put(bytes[at]);
  }
  EXPECT_EQ(missed, 0U);
  EXPECT_EQ(find_checksum_problem(damaged), std::nullopt);
  for (std::size_t size = 0; size < bytes.size(); size += 501) {
    testing::write_bytes(damaged, {bytes.begin(), bytes.begin() + static_cast<long>(size)});
    EXPECT_TRUE(find_checksum_problem(damaged)) << size;
  }
  std::vector<char> longer = bytes;
  longer.push_back(0);
  testing::write_bytes(damaged, longer);
  EXPECT_TRUE(find_checksum_problem(damaged));
}

TEST(RunDirectory, CorruptPartsDoNotCountAsCommitted) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  EXPECT_TRUE(committed_units(made.run).empty());
  made.write_parts({0, 1});
  testing::write_bytes(made.run.part_file(made.plan[1].id), {'x'});
  testing::write_bytes(made.run.parts_folder() / ".m0.h5.host.1.tmp", {'x'});
  EXPECT_EQ(committed_units(made.run), std::set<UnitId>{made.plan[0].id});
  remove_temporary_parts(made.run);
  EXPECT_EQ(names_in(made.run.parts_folder()).size(), 2U);
}

TEST(RunDirectory, ManifestRoundTrips) {
  const TemporaryFolder folder;
  SyntheticRun made(folder.path() / "run");
  EXPECT_FALSE(has_manifest(made.run));
  EXPECT_THROW((void)read_manifest(made.run), InputError);
  made.write_manifest_file();
  const RunManifest manifest = read_manifest(made.run);
  EXPECT_EQ(manifest.models, (std::vector<std::string>{"tiny-a", "tiny-b"}));
  EXPECT_EQ(manifest.alphas, made.config.lac.alphas);
  EXPECT_EQ(manifest.modes, made.config.lac.modes);
  EXPECT_EQ(manifest.units.size(), made.plan.size());
  EXPECT_EQ(to_json(manifest), to_json(parse_manifest(to_json(manifest))));
  EXPECT_EQ(manifest.units.back().stream, StreamKind::kPropagate);
  EXPECT_FALSE(to_json(manifest).contains("scoring")) << "as manifests were before there was a choice";
  EXPECT_EQ(manifest.scoring, (std::vector<std::vector<Scoring>>(2, {Scoring::kGenerate})));
  made.config.benchmarks[1].scoring = {Scoring::kLoglik};
  made.write_manifest_file();
  EXPECT_EQ(read_manifest(made.run).scoring,
            (std::vector<std::vector<Scoring>>{{Scoring::kGenerate}, {Scoring::kLoglik}}));
}

TEST(RunDirectory, ManifestsThatLieAreRefused) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  const nlohmann::json good = to_json(make_manifest(made.config, made.plan));
  const auto expect_refused = [&](const char* what, auto change) {
    nlohmann::json bad = good;
    change(bad);
    EXPECT_THROW((void)parse_manifest(bad), InputError) << what;
  };
  expect_refused("version", [](auto& json) { json["format_version"] = 2; });
  expect_refused("no object", [](auto& json) { json = 3; });
  expect_refused("scoring of another number of benchmarks",
                 [](auto& json) { json["scoring"] = nlohmann::json::array({{"generate"}}); });
  expect_refused("unknown scoring", [](auto& json) { json["scoring"] = {{"generate"}, {"guess"}}; });
  expect_refused("path in a unit id", [](auto& json) { json["units"][0]["id"] = "../../etc/passwd"; });
  expect_refused("hidden unit id", [](auto& json) { json["units"][0]["id"] = ".x"; });
  expect_refused("doubled unit id", [](auto& json) { json["units"][1]["id"] = json["units"][0]["id"]; });
  expect_refused("model out of range", [](auto& json) { json["units"][0]["model"] = 2; });
  expect_refused("type", [](auto& json) { json["alphas"] = "0.5"; });
  expect_refused("missing key", [](auto& json) { json.erase("norms"); });
}

TEST(RunDirectory, FailuresAreRemembered) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.run.create();
  EXPECT_TRUE(failed_units(made.run).empty());
  record_failed_unit(made.run, made.plan[0].id, "first\ntime");
  record_failed_unit(made.run, made.plan[0].id, "second time");
  std::ofstream(made.run.failures_file(), std::ios::app) << "{\"unit\": \"cut";
  EXPECT_EQ(failed_units(made.run), (std::map<UnitId, std::string>{{made.plan[0].id, "second time"}}));
}

}  // namespace
}  // namespace lacuna
