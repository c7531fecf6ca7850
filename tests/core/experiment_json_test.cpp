#include "core/experiment_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ExperimentConfig sample() {
  ExperimentConfig config;
  config.name = "sample";
  config.output = "/runs/sample";
  config.models = {{.name = "a", .path = "/models/a"}, {.name = "b", .path = "/models/b"}};
  BenchmarkConfig benchmark;
  benchmark.name = "g";
  benchmark.kind = "gpqa";
  benchmark.path = "/data/gpqa.csv";
  benchmark.subjects = {"Physics"};
  benchmark.limit = 5;
  benchmark.choice_order = "fixed";
  benchmark.variant = "zeroshot";
  benchmark.scoring = {Scoring::kLoglik};
  benchmark.chat_template = false;
  config.benchmarks = {benchmark};
  config.lac.modes = {LacMode::kPropagate};
  config.lac.alphas = {0.1, 1.0 / 3};
  config.lac.norm_precision = NormPrecision::kFloat32;
  config.generation = {.greedy = false,
                       .temperature = 0.7,
                       .top_p = 0.95,
                       .max_new_tokens = 12,
                       .seed = 18446744073709551615ULL,
                       .double_begin_token = false};
  config.compute = {
      .dtype = DataType::kFloat32, .device = "cpu", .threads = 4, .unit_questions = 3, .batch_tokens = 99};
  config.store = {.norms = false, .author_json = true};
  return config;
}

TEST(ExperimentJson, ReadsBackToTheSameText) {
  const std::string text = to_json(sample()).dump();
  const ExperimentConfig back = experiment_from_json(text);
  EXPECT_EQ(to_json(back).dump(), text);
  EXPECT_EQ(back.lac.alphas[1], 1.0 / 3);
  EXPECT_EQ(back.generation.seed, 18446744073709551615ULL);
  EXPECT_EQ(back.benchmarks[0].limit, 5);
  EXPECT_EQ(back.benchmarks[0].scoring, std::vector{Scoring::kLoglik});
  EXPECT_FALSE(back.benchmarks[0].chat_template);
  EXPECT_EQ(back.lac.modes, std::vector{LacMode::kPropagate});
}

TEST(ExperimentJson, RefusesWhatIsNoConfig) {
  EXPECT_THROW(experiment_from_json("{"), InputError);
  EXPECT_THROW(experiment_from_json("[]"), InputError);
  nlohmann::json json = to_json(sample());
  json["compute"].erase("dtype");
  EXPECT_THROW(experiment_from_json(json.dump()), InputError);
  json = to_json(sample());
  json["lac"]["alphas"] = "many";
  EXPECT_THROW(experiment_from_json(json.dump()), InputError);
}

TEST(ExperimentJson, FingerprintIgnoresWhatCannotChangeNumbers) {
  const nlohmann::json before = fingerprint_document(sample());
  ExperimentConfig moved = sample();
  moved.name = "other";
  moved.output = "/elsewhere";
  moved.compute.threads = 1;
  moved.models[0].path = "/new/place";
  moved.benchmarks[0].path = "/new/data.csv";
  EXPECT_EQ(fingerprint_document(moved), before);
}

TEST(ExperimentJson, FingerprintSeesEverythingElse) {
  const nlohmann::json before = fingerprint_document(sample());
  const auto changed = [&](auto change) {
    ExperimentConfig config = sample();
    change(config);
    return fingerprint_document(config) != before;
  };
  EXPECT_TRUE(changed([](auto& c) { c.models[0].name = "x"; }));
  EXPECT_TRUE(changed([](auto& c) { c.benchmarks[0].limit.reset(); }));
  EXPECT_TRUE(changed([](auto& c) { c.benchmarks[0].subjects.clear(); }));
  EXPECT_TRUE(changed([](auto& c) { c.benchmarks[0].variant = "n_shot"; }));
  EXPECT_TRUE(changed([](auto& c) { c.benchmarks[0].scoring.push_back(Scoring::kGenerate); }));
  EXPECT_TRUE(changed([](auto& c) { c.benchmarks[0].chat_template = true; }));
  EXPECT_TRUE(changed([](auto& c) { c.lac.alphas[0] = 0.10000000000000002; }));
  EXPECT_TRUE(changed([](auto& c) { c.lac.modes = {LacMode::kExit}; }));
  EXPECT_TRUE(changed([](auto& c) { c.lac.norm_precision = NormPrecision::kModel; }));
  EXPECT_TRUE(changed([](auto& c) { c.generation.seed = 1; }));
  EXPECT_TRUE(changed([](auto& c) { c.generation.greedy = true; }));
  EXPECT_TRUE(changed([](auto& c) { c.generation.double_begin_token = true; }));
  EXPECT_TRUE(changed([](auto& c) { c.compute.dtype = DataType::kBFloat16; }));
  EXPECT_TRUE(changed([](auto& c) { c.compute.unit_questions = 4; }));
  EXPECT_TRUE(changed([](auto& c) { c.compute.batch_tokens = 100; }));
  EXPECT_TRUE(changed([](auto& c) { c.compute.device = "cuda"; }));
  EXPECT_TRUE(changed([](auto& c) { c.store.norms = true; }));
}

TEST(DescribeDifferences, NamesLeavesInOrder) {
  const auto a =
      nlohmann::json::parse(R"({"b": {"x": 1, "y": [1, 2]}, "a": "t", "list": [{"k": 1}, {"k": 2}]})");
  const auto b =
      nlohmann::json::parse(R"({"b": {"x": 2, "y": [1]}, "c": null, "list": [{"k": 1}, {"k": 3}]})");
  EXPECT_THAT(describe_differences(a, b, "A", "B"),
              ElementsAre(R"(a: "t" in A, nothing in B)", "b.x: 1 in A, 2 in B", "b.y: [1,2] in A, [1] in B",
                          "c: nothing in A, null in B", "list.1.k: 2 in A, 3 in B"));
  EXPECT_THAT(describe_differences(a, b, "A", "B", 1), ElementsAre(R"(a: "t" in A, nothing in B)"));
  EXPECT_THAT(describe_differences(a, a, "A", "B"), IsEmpty());
}

}  // namespace
}  // namespace lacuna
