// What files say that are as they should be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/experiment_yaml.h"
#include "tests/core/experiment_yaml_fixture.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::ExperimentYaml;
using ::testing::HasSubstr;

TEST_F(ExperimentYaml, MinimalFileGetsDefaults) {
  const ExperimentConfig config = read(base());
  EXPECT_EQ(config.name, "e");
  EXPECT_EQ(config.output, fs::current_path() / "runs" / "e");
  ASSERT_EQ(config.models.size(), 1U);
  EXPECT_EQ(config.models[0].path, root_ / "model");
  ASSERT_EQ(config.benchmarks.size(), 1U);
  EXPECT_EQ(config.benchmarks[0].name, "mmlu");
  EXPECT_EQ(config.benchmarks[0].choice_order, "");
  EXPECT_THAT(config.benchmarks[0].scoring, ElementsAre(Scoring::kGenerate));
  EXPECT_TRUE(config.benchmarks[0].chat_template);
  EXPECT_THAT(config.lac.modes, ElementsAre(LacMode::kExit));
  EXPECT_TRUE(config.generation.greedy);
  EXPECT_TRUE(config.generation.double_begin_token);
  EXPECT_EQ(config.compute.dtype, DataType::kBFloat16);
}

TEST_F(ExperimentYaml, EveryKeyIsRead) {
  const ExperimentConfig config = read(R"(
name: all-keys
output: somewhere/run
models:
  - {name: a, path: model}
  - {name: b, path: other}
benchmarks:
  - {name: g, benchmark: gpqa, path: data.csv, protocol: harness, choice_order: author, variant: n_shot, shots: 3,
     split: validation, limit: 7, subjects: [Physics, Biology], grading: lenient, scoring: [loglik, generate],
     chat_template: true}
  - {benchmark: gpqa, path: data.csv}
lac: {modes: [propagate, trace, exit], alphas: [0.9, 0, 1, 0.25], norm_precision: float32}
generation: {sampling: top_p, temperature: 1.5, top_p: 0.75, max_new_tokens: 9, seed: 18446744073709551615,
             begin_token: single}
compute: {dtype: float32, device: cpu, threads: 3, unit_questions: 5, batch_tokens: 100,
          memory_share: 0.25, heartbeat_seconds: 2.5, grace_seconds: 0}
store: {norms: false, author_json: true}
)");
  EXPECT_EQ(config.name, "all-keys");
  EXPECT_EQ(config.output, fs::current_path() / "somewhere/run");
  const BenchmarkConfig& g = config.benchmarks[0];
  EXPECT_EQ(g.name, "g");
  EXPECT_EQ(g.kind, "gpqa");
  EXPECT_EQ(g.protocol, "harness");
  EXPECT_EQ(g.choice_order, "author");
  EXPECT_EQ(g.variant, "n_shot");
  EXPECT_EQ(g.shots, 3);
  EXPECT_EQ(g.split, "validation");
  EXPECT_EQ(g.limit, 7);
  EXPECT_THAT(g.subjects, ElementsAre("Physics", "Biology"));
  EXPECT_EQ(g.grading, "lenient");
  EXPECT_THAT(g.scoring, ElementsAre(Scoring::kGenerate, Scoring::kLoglik)) << "whatever order they stand in";
  EXPECT_TRUE(g.chat_template);
  EXPECT_EQ(config.benchmarks[1].choice_order, "fixed");
  EXPECT_THAT(config.lac.modes, ElementsAre(LacMode::kExit, LacMode::kPropagate));
  EXPECT_THAT(config.lac.alphas, ElementsAre(0, 0.25, 0.9, 1));
  EXPECT_EQ(config.lac.norm_precision, NormPrecision::kFloat32);
  EXPECT_FALSE(config.generation.greedy);
  EXPECT_EQ(config.generation.temperature, 1.5);
  EXPECT_EQ(config.generation.top_p, 0.75);
  EXPECT_EQ(config.generation.max_new_tokens, 9);
  EXPECT_EQ(config.generation.seed, 18446744073709551615ULL);
  EXPECT_FALSE(config.generation.double_begin_token);
  EXPECT_EQ(config.compute.dtype, DataType::kFloat32);
  EXPECT_EQ(config.compute.device, "cpu");
  EXPECT_EQ(config.compute.threads, 3);
  EXPECT_EQ(config.compute.unit_questions, 5);
  EXPECT_EQ(config.compute.batch_tokens, 100);
  EXPECT_EQ(config.compute.memory_share, 0.25);
  EXPECT_EQ(config.compute.heartbeat_seconds, 2.5);
  EXPECT_EQ(config.compute.grace_seconds, 0);
  EXPECT_FALSE(config.store.norms);
  EXPECT_TRUE(config.store.author_json);
}

TEST_F(ExperimentYaml, HarnessPromptsAreNoChatUnlessAskedFor) {
  const auto is_chat = [&](const std::string& more) {
    return read(
               "models: [{name: m, path: model}]\nlac: {alphas: [0.5]}\n"
               "benchmarks: [{benchmark: mmlu, path: data.csv, " +
               more + "}]\n")
        .benchmarks[0]
        .chat_template;
  };
  EXPECT_TRUE(is_chat("protocol: paper"));
  EXPECT_TRUE(is_chat("protocol: paper, chat_template: true"));
  EXPECT_FALSE(is_chat("protocol: harness"));
  EXPECT_TRUE(is_chat("protocol: harness, chat_template: true"));
}

TEST_F(ExperimentYaml, TraceAloneLeavesNoOtherMode) {
  EXPECT_TRUE(read(base("", "{alphas: [0.5], modes: [trace]}")).lac.modes.empty());
}

TEST_F(ExperimentYaml, PathsInAnIncludedFileAreRelativeToIt) {
  write("sub/model.yaml", "name: included\npath: ../other\n");
  write("sub/bench.yaml", "benchmark: boolq\npath: ../data.csv\n");
  const ExperimentConfig config =
      read("models: [sub/model.yaml]\nbenchmarks: [sub/bench.yaml]\nlac: {alphas: [0.1]}\n");
  EXPECT_EQ(config.models[0].name, "included");
  EXPECT_EQ(config.models[0].path, root_ / "other");
  EXPECT_EQ(config.benchmarks[0].path, root_ / "data.csv");
}

TEST_F(ExperimentYaml, ErrorInAnIncludedFileNamesThatFile) {
  write("sub/model.yaml", "name: included\npaht: ../other\n");
  EXPECT_EQ(error_of("models: [sub/model.yaml]\nbenchmarks: [{benchmark: mmlu, path: data.csv}]\nlac: "
                     "{alphas: [0.1]}\n"),
            "sub/model.yaml:2:1: unknown key 'models.0.paht'; did you mean 'path'? use one of name, path");
}

TEST_F(ExperimentYaml, HomeAndVariablesAreExpandedInPaths) {
  setenv("LACUNA_TEST_FOLDER", root_.c_str(), 1);
  const ExperimentConfig config = read(
      "output: ~/run\nmodels: [{name: m, path: '${LACUNA_TEST_FOLDER}/model'}]\n"
      "benchmarks: [{benchmark: mmlu, path: '${LACUNA_TEST_FOLDER}/sub/../data.csv'}]\nlac: {alphas: "
      "[0.1]}\n");
  unsetenv("LACUNA_TEST_FOLDER");
  EXPECT_EQ(config.output, fs::path(std::getenv("HOME")) / "run");
  EXPECT_EQ(config.models[0].path, root_ / "model");
  EXPECT_EQ(config.benchmarks[0].path, root_ / "data.csv");
  EXPECT_THAT(error_of(base("output: '${LACUNA_NOT_SET}/x'\n")),
              HasSubstr("e.yaml:4:9: 'output' uses ${LACUNA_NOT_SET}, which is not set"));
  EXPECT_THAT(error_of(base("output: '${HOME'\n")), HasSubstr("has '${' without '}'"));
}

TEST_F(ExperimentYaml, OverridesReplaceAndAdd) {
  write("sub/model.yaml", "name: included\npath: ../other\n");
  const std::string text =
      "models: [sub/model.yaml]\nbenchmarks: [{benchmark: mmlu, path: data.csv}]\nlac: {alphas: [0.5]}\n";
  const ExperimentConfig config =
      read(text, {"lac.alphas=[0.2, 0.4]", "compute.dtype=float32", "output=/tmp/x",
                  "models.0.path=" + (root_ / "model").string(), "benchmarks.mmlu.limit=3",
                  "generation.seed=7", "name=renamed"});
  EXPECT_THAT(config.lac.alphas, ElementsAre(0.2, 0.4));
  EXPECT_EQ(config.compute.dtype, DataType::kFloat32);
  EXPECT_EQ(config.output, "/tmp/x");
  EXPECT_EQ(config.models[0].path, root_ / "model");
  EXPECT_EQ(config.models[0].name, "included");
  EXPECT_EQ(config.benchmarks[0].limit, 3);
  EXPECT_EQ(config.generation.seed, 7U);
  EXPECT_EQ(config.name, "renamed");
  // A whole list, and a list of files, relative to the current directory.
  EXPECT_EQ(read(text, {"models=[{name: z, path: " + (root_ / "other").string() + "}]"}).models[0].name, "z");
  EXPECT_EQ(read(text, {"models.0=" + (root_ / "sub/model.yaml").string()}).models[0].path, root_ / "other");
}

TEST_F(ExperimentYaml, PathsNeedNotExistWhenNotAskedFor) {
  const fs::path file = write("e.yaml",
                              "models: [{name: m, path: gone}]\nbenchmarks: [{benchmark: any, path: gone}]\n"
                              "lac: {alphas: [0.5]}\n");
  EXPECT_EQ(read_experiment(file, {}, {.require_paths = false}).models[0].path, root_ / "gone");
}

}  // namespace
}  // namespace lacuna
