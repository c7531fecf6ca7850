// What is wrong in a file is refused at its place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/experiment_yaml.h"
#include "tests/core/experiment_yaml_fixture.h"

namespace lacuna {
namespace {

using testing::ExperimentYaml;
using ::testing::HasSubstr;

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
            "threads, unit_questions, batch_tokens, memory_share, heartbeat_seconds, grace_seconds"},
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

TEST_F(ExperimentYaml, FilesOfAnswersNeedABenchmarkThatGenerates) {
  const std::string models = "models: [{name: m, path: model}]\nlac: {alphas: [0.5]}\n";
  const std::string scored = "{benchmark: mmlu, path: data.csv, scoring: [loglik]}";
  const std::string store = "store: {author_json: true}\n";
  EXPECT_EQ(
      error_of(models + "benchmarks: [" + scored + "]\n" + store),
      "e.yaml:4:22: 'store.author_json' cannot be true here: these files hold generated answers, and no "
      "benchmark has scoring 'generate'; leave it out, or add generate to a benchmark's scoring");
  EXPECT_EQ(error_of(models + "benchmarks: [" + scored + ", {benchmark: boolq, path: data.csv}]\n" + store),
            "");
  EXPECT_EQ(error_of(models + "benchmarks: [" + scored + "]\n"), "");
  EXPECT_THAT(error_of(models + "benchmarks: [" + scored + "]\n", {"store.author_json=true"}),
              HasSubstr("argument 'store.author_json=true': 'store.author_json' cannot be true here"));
}

}  // namespace
}  // namespace lacuna
