#include "core/experiment_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "core/error.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A scratch folder with a model directory, a data file, and whatever YAML a test writes.
class ExperimentYaml : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::path(::testing::TempDir()) / ("yaml_" + std::string(info->name()));
    fs::remove_all(root_);
    fs::create_directories(root_ / "model");
    fs::create_directories(root_ / "other");
    write("data.csv", "x");
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << text;
    return root_ / name;
  }

  // The error of reading that text as an experiment, or "" if there is none.
  std::string error_of(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    const fs::path file = write("e.yaml", text);
    try {
      read_experiment(file, overrides, {.benchmark_kinds = {"boolq", "gpqa", "mmlu"}});
      return "";
    } catch (const InputError& error) {
      std::string message = error.what();
      const std::string prefix = root_.string() + "/";
      for (std::size_t at; (at = message.find(prefix)) != std::string::npos;)
        message.erase(at, prefix.size());
      return message;
    }
  }

  ExperimentConfig read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    return read_experiment(write("e.yaml", text), overrides);
  }

  // Valid; tests put their own lines after it.
  static std::string base(const std::string& more = "", const std::string& lac = "{alphas: [0.5]}") {
    return "models: [{name: m, path: model}]\nbenchmarks: [{benchmark: mmlu, path: data.csv}]\nlac: " + lac +
           "\n" + more;
  }

  fs::path root_;
};

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
          heartbeat_seconds: 2.5, grace_seconds: 0}
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

struct BadFile {
  const char* name;
  const char* more;  // after base()
  const char* message;
};

class BadExperiment : public ExperimentYaml, public ::testing::WithParamInterface<BadFile> {};

TEST_P(BadExperiment, IsRefusedAtItsPlace) {
  EXPECT_EQ(error_of(base(GetParam().more)), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadExperiment,
    ::testing::Values(
        BadFile{"unknown_top", "modles: []\n",
                "e.yaml:4:1: unknown key 'modles'; did you mean 'models'? use one of name, output, models, "
                "benchmarks, lac, generation, compute, store"},
        BadFile{"unknown_far", "zzzzzzzzz: 1\n",
                "e.yaml:4:1: unknown key 'zzzzzzzzz'; use one of name, output, models, benchmarks, lac, "
                "generation, "
                "compute, store"},
        BadFile{
            "unknown_nested", "compute: {dtype: float32,\n          thread: 2}\n",
            "e.yaml:5:11: unknown key 'compute.thread'; did you mean 'threads'? use one of dtype, device, "
            "threads, unit_questions, batch_tokens, heartbeat_seconds, grace_seconds"},
        BadFile{"twice", "lac: {alphas: [0.1]}\n", "e.yaml:4:1: key 'lac' stands twice; remove one of them"},
        BadFile{"bad_dtype", "compute:\n  dtype: float16\n",
                "e.yaml:5:10: 'compute.dtype' cannot be 'float16'; did you mean 'bfloat16'? use one of "
                "float32, bfloat16"},
        BadFile{"dtype_list", "compute: {dtype: [float32]}\n",
                "e.yaml:4:18: 'compute.dtype' must be one of float32, bfloat16: it is a list"},
        BadFile{"threads_text", "compute: {threads: many}\n",
                "e.yaml:4:20: 'compute.threads' must be a whole number from 0 to 1000000000: it is 'many'"},
        BadFile{
            "threads_quoted", "compute: {threads: '2'}\n",
            "e.yaml:4:20: 'compute.threads' must be a whole number from 0 to 1000000000: it is the text '2'"},
        BadFile{"threads_fraction", "compute: {threads: 2.5}\n",
                "e.yaml:4:20: 'compute.threads' must be a whole number from 0 to 1000000000: it is '2.5'"},
        BadFile{
            "zero_unit", "compute: {unit_questions: 0}\n",
            "e.yaml:4:27: 'compute.unit_questions' must be a whole number from 1 to 1000000000: it is '0'"},
        BadFile{"no_heartbeat", "compute: {heartbeat_seconds: 0}\n",
                "e.yaml:4:30: 'compute.heartbeat_seconds' must be a number of seconds from 1 to 86400: it is "
                "'0'"},
        BadFile{"huge", "compute: {batch_tokens: 99999999999999999999}\n",
                "e.yaml:4:25: 'compute.batch_tokens' must be a whole number from 1 to 1000000000: it is "
                "'99999999999999999999'"},
        BadFile{"seed_negative", "generation: {seed: -1}\n",
                "e.yaml:4:20: 'generation.seed' must be a whole number from 0 to 18446744073709551615: it is "
                "'-1'"},
        BadFile{"temperature_zero", "generation: {temperature: 0}\n",
                "e.yaml:4:27: 'generation.temperature' must be a number over 0, at most 100 (for no "
                "randomness use "
                "sampling: greedy): it is '0'"},
        BadFile{"temperature_nan", "generation: {temperature: nan}\n",
                "e.yaml:4:27: 'generation.temperature' must be a number over 0, at most 100 (for no "
                "randomness use "
                "sampling: greedy): it is 'nan'"},
        BadFile{"top_p", "generation: {top_p: 1.01}\n",
                "e.yaml:4:21: 'generation.top_p' must be a number over 0, at most 1: it is '1.01'"},
        BadFile{"boolean", "store: {norms: yes}\n",
                "e.yaml:4:16: 'store.norms' must be true or false: it is 'yes'"},
        BadFile{"section_null", "store:\n",
                "e.yaml:5:1: 'store' must be a map: it is nothing; write 'key: value' lines with keys from "
                "norms, "
                "author_json"},
        BadFile{
            "section_list", "generation: [greedy]\n",
            "e.yaml:4:13: 'generation' must be a map: it is a list; write 'key: value' lines with keys from "
            "sampling, temperature, top_p, max_new_tokens, seed, begin_token"},
        BadFile{"name_slash", "name: a/b\n",
                "e.yaml:4:7: 'name' cannot be 'a/b': it stands in file names: at most 64 letters, digits, "
                "'.', '_' "
                "and '-', the first a letter, a digit or '_'"},
        BadFile{"not_yaml", "name: [a\n", "e.yaml:5:1: is not valid YAML: end of sequence flow not found"}),
    [](const auto& info) { return info.param.name; });

struct BadLac {
  const char* name;
  const char* lac;
  const char* message;
};

class BadLacSection : public ExperimentYaml, public ::testing::WithParamInterface<BadLac> {};

TEST_P(BadLacSection, IsRefusedAtItsPlace) {
  EXPECT_THAT(error_of(base("", GetParam().lac)), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Lac, BadLacSection,
    ::testing::Values(
        BadLac{"out_of_range", "{alphas: [0.5, 1.2]}", "e.yaml:3:21: alpha 1.2 is out of range"},
        BadLac{"negative", "{alphas: [-0.1]}", "e.yaml:3:16: alpha -0.1 is out of range"},
        BadLac{"twice", "{alphas: [0.5, 0.50]}", "e.yaml:3:21: alpha 0.50 stands twice"},
        BadLac{"zero_twice", "{alphas: [0, -0.0]}", "stands twice"},
        BadLac{"empty", "{alphas: []}",
               "e.yaml:3:15: 'lac.alphas' must be a list of at least one number from 0 to 1: "
               "it is an empty list"},
        BadLac{"scalar", "{alphas: 0.5}",
               "'lac.alphas' must be a list of at least one number from 0 to 1: it is '0.5'"},
        BadLac{"text", "{alphas: [half]}", "e.yaml:3:16: 'lac.alphas' must be"},
        BadLac{"infinite", "{alphas: [.inf]}", "must be a list of at least one number"},
        BadLac{"missing", "{modes: [exit]}", "e.yaml:3:6: 'lac.alphas' is missing; add it"},
        BadLac{"modes_empty", "{alphas: [0.5], modes: []}",
               "must be a list of at least one of trace, exit, propagate"},
        BadLac{"mode_unknown", "{alphas: [0.5], modes: [exti]}",
               "e.yaml:3:30: 'lac.modes' cannot be 'exti'; did you mean 'exit'? use one of trace, exit, "
               "propagate"},
        BadLac{"mode_twice", "{alphas: [0.5], modes: [exit, exit]}", "e.yaml:3:36: mode 'exit' stands twice"},
        BadLac{"precision", "{alphas: [0.5], norm_precision: double}",
               "'lac.norm_precision' cannot be 'double'; use one of model, float32"}),
    [](const auto& info) { return info.param.name; });

struct BadList {
  const char* name;
  const char* models;
  const char* benchmarks;
  const char* message;
};

class BadLists : public ExperimentYaml, public ::testing::WithParamInterface<BadList> {};

TEST_P(BadLists, AreRefusedAtTheirPlace) {
  const BadList& bad = GetParam();
  const std::string models = bad.models != nullptr ? bad.models : "[{name: m, path: model}]";
  const std::string benchmarks =
      bad.benchmarks != nullptr ? bad.benchmarks : "[{benchmark: mmlu, path: data.csv}]";
  EXPECT_THAT(error_of("models: " + models + "\nbenchmarks: " + benchmarks + "\nlac: {alphas: [0.5]}\n"),
              HasSubstr(bad.message));
}

INSTANTIATE_TEST_SUITE_P(
    Lists, BadLists,
    ::testing::Values(
        BadList{"no_models", "[]", nullptr,
                "e.yaml:1:9: 'models' must be a list of at least one model: it is an empty list"},
        BadList{"models_map", "{name: m, path: model}", nullptr,
                "'models' must be a list of at least one model: it is a map"},
        BadList{"same_name", "[{name: m, path: model}, {name: m, path: other}]", nullptr,
                "e.yaml:1:34: two elements of 'models' have the name 'm'"},
        BadList{"no_name", "[{path: model}]", nullptr, "e.yaml:1:10: 'models.0.name' is missing"},
        BadList{"no_directory", "[{name: m, path: modl}]", nullptr, "modl' does not exist"},
        BadList{"model_is_a_file", "[{name: m, path: data.csv}]", nullptr, "is not a directory"},
        BadList{"no_file_to_include", "[llama.yaml]", nullptr, "e.yaml:1:10: there is no file 'llama.yaml'"},
        BadList{"hidden_name", "[{name: .m, path: model}]", nullptr, "'models.0.name' cannot be '.m'"},
        BadList{"null_model", "[~]", nullptr, "'models.0' must be a map: it is nothing"},
        BadList{"kind", nullptr, "[{benchmark: mmul, path: data.csv}]",
                "e.yaml:2:26: 'benchmarks.0.benchmark' cannot be 'mmul'; did you mean 'mmlu'? use one of "
                "boolq, gpqa, mmlu"},
        BadList{"no_kind", nullptr, "[{path: data.csv}]", "'benchmarks.0.benchmark' is missing"},
        BadList{"no_data", nullptr, "[{benchmark: mmlu, path: nowhere.csv}]",
                "e.yaml:2:38: 'nowhere.csv' does not exist"},
        BadList{"same_benchmark", nullptr,
                "[{benchmark: mmlu, path: data.csv}, {benchmark: mmlu, path: data.csv}]",
                "two elements of 'benchmarks' have the name 'mmlu'"},
        BadList{"shots", nullptr, "[{benchmark: mmlu, path: data.csv, shots: 5}]",
                "'benchmarks.0.shots' cannot be 5 under protocol 'paper'"},
        BadList{"order", nullptr, "[{benchmark: mmlu, path: data.csv, choice_order: fixed}]",
                "'benchmarks.0.choice_order' has no meaning for mmlu"},
        BadList{"protocol", nullptr, "[{benchmark: mmlu, path: data.csv, protocol: papper}]",
                "did you mean 'paper'? use one of paper, harness"},
        BadList{"limit", nullptr, "[{benchmark: mmlu, path: data.csv, limit: 0}]",
                "'benchmarks.0.limit' must be a whole number from 1"},
        BadList{"subjects", nullptr, "[{benchmark: mmlu, path: data.csv, subjects: []}]",
                "'benchmarks.0.subjects' must be a list of at least one subject"},
        BadList{
            "scoring_empty", nullptr, "[{benchmark: mmlu, path: data.csv, scoring: []}]",
            "e.yaml:2:57: 'benchmarks.0.scoring' must be a list of at least one of generate, loglik: it is "
            "an empty list"},
        BadList{"scoring_scalar", nullptr, "[{benchmark: mmlu, path: data.csv, scoring: loglik}]",
                "'benchmarks.0.scoring' must be a list of at least one of generate, loglik: it is 'loglik'"},
        BadList{"scoring_unknown", nullptr, "[{benchmark: mmlu, path: data.csv, scoring: [loglike]}]",
                "e.yaml:2:58: 'benchmarks.0.scoring' cannot be 'loglike'; did you mean 'loglik'? use one of "
                "generate, loglik"},
        BadList{"scoring_twice", nullptr, "[{benchmark: mmlu, path: data.csv, scoring: [loglik, loglik]}]",
                "e.yaml:2:66: scoring 'loglik' stands twice; remove one"},
        BadList{"no_chat", nullptr, "[{benchmark: mmlu, path: data.csv, chat_template: false}]",
                "e.yaml:2:63: 'benchmarks.0.chat_template' cannot be false under protocol 'paper'"},
        BadList{"subject_twice", nullptr, "[{benchmark: mmlu, path: data.csv, subjects: [a, a]}]",
                "'a' stands twice"}),
    [](const auto& info) { return info.param.name; });

TEST_F(ExperimentYaml, MissingOrUselessFiles) {
  EXPECT_THROW(read_experiment(root_ / "none.yaml"), InputError);
  EXPECT_THROW(read_experiment(root_), InputError);
  EXPECT_EQ(error_of(""), "e.yaml: is empty");
  EXPECT_EQ(error_of("# only a comment\n"), "e.yaml: is empty");
  EXPECT_THAT(error_of("just text"), HasSubstr("the file must hold a map"));
  EXPECT_THAT(error_of("a: 1\n---\nb: 2\n"), HasSubstr("more than one YAML document"));
  EXPECT_THAT(error_of("name: \"\xff\xfe\"\n"), HasSubstr("is not UTF-8 text"));
  EXPECT_THAT(error_of(std::string(2 << 20, ' ')), HasSubstr("is too large"));
  EXPECT_THAT(error_of("models: 1\n"), HasSubstr("'lac' is missing"));
}

TEST_F(ExperimentYaml, HostileDocumentsEndInAnError) {
  EXPECT_NE(error_of(std::string(100000, '[')), "");
  EXPECT_NE(error_of("a: " + std::string(60, '[') + std::string(60, ']')), "");
  // Aliases that multiply: 10^9 values if expanded.
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_THAT(error_of(bomb), HasSubstr("too many values"));
  EXPECT_NE(error_of("a: &a [*a]\n"), "");
  EXPECT_THAT(error_of("? [a]\n: 1\n"), HasSubstr("a key must be a word"));
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

TEST_F(ExperimentYaml, OverridesThatAreWrongNameTheArgument) {
  EXPECT_THAT(error_of(base(), {"lac.alphas=[2]"}),
              HasSubstr("argument 'lac.alphas=[2]': alpha 2 is out of range"));
  EXPECT_THAT(error_of(base(), {"lac.alfas=[0.2]"}),
              HasSubstr("argument 'lac.alfas=[0.2]': unknown key 'lac.alfas'; did you mean 'alphas'?"));
  EXPECT_THAT(error_of(base(), {"lacc.x=1"}), HasSubstr("argument 'lacc.x=1': unknown key 'lacc'"));
  EXPECT_THAT(error_of(base(), {"compute.dtype"}),
              HasSubstr("argument 'compute.dtype': is not of the form key=value"));
  EXPECT_THAT(error_of(base(), {"=1"}), HasSubstr("is not of the form key=value"));
  EXPECT_THAT(error_of(base(), {"a..b=1"}), HasSubstr("is not of the form key=value"));
  EXPECT_THAT(error_of(base(), {"models.5.path=/tmp"}),
              HasSubstr("the list has no element '5': it has 1 element(s)"));
  EXPECT_THAT(error_of(base(), {"models.x.path=/tmp"}), HasSubstr("numbered from 0: m"));
  EXPECT_THAT(error_of(base("name: n\n"), {"name.x=1"}),
              HasSubstr("argument 'name.x=1': there is no key 'x' to set"));
  EXPECT_THAT(error_of(base(), {"lac.alphas=[0.1"}),
              HasSubstr("argument 'lac.alphas=[0.1': is not valid YAML"));
  EXPECT_THAT(error_of(base(), {"compute.threads="}), HasSubstr("it is nothing"));
  EXPECT_THAT(error_of(base(), {"models.0.path=\xff"}), HasSubstr("is not UTF-8"));
}

TEST_F(ExperimentYaml, PathsNeedNotExistWhenNotAskedFor) {
  const fs::path file = write("e.yaml",
                              "models: [{name: m, path: gone}]\nbenchmarks: [{benchmark: any, path: gone}]\n"
                              "lac: {alphas: [0.5]}\n");
  EXPECT_EQ(read_experiment(file, {}, {.require_paths = false}).models[0].path, root_ / "gone");
}

}  // namespace
}  // namespace lacuna
