#include "core/experiment_yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/config_values.h"

namespace lacuna {
namespace {

std::filesystem::path to_existing_path(const ConfigNode& node, const std::string& key, bool must_be_directory,
                                       const ExperimentReadOptions& options) {
  std::filesystem::path path = to_path(node, key, node.base);
  if (!options.require_paths) return path;
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (!std::filesystem::exists(status)) {
    fail_at(node, {.problem = fmt::format("'{}' does not exist", path.string()),
                   .why = fmt::format("'{}' is '{}', relative to {}", key, node.scalar, node.base.string()),
                   .suggestion = "correct the path"});
  }
  if (must_be_directory && !std::filesystem::is_directory(status)) {
    fail_at(node, {.problem = fmt::format("'{}' is not a directory", path.string()),
                   .why = "a model is a directory with config.json, *.safetensors and tokenizer.json"});
  }
  return path;
}

// Replaces the elements of a list that are paths of YAML files by the content of these files.
void include_files(ConfigNode& root, std::string_view key) {
  ConfigNode* const list = root.find(key);
  if (list == nullptr || list->kind != ConfigNode::Kind::kList) return;
  for (ConfigNode& element : list->children) {
    if (element.kind != ConfigNode::Kind::kScalar) continue;
    const std::filesystem::path file = to_path(element, std::string(key), element.base);
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored)) {
      fail_at(element, {.problem = fmt::format("there is no file '{}'", file.string()),
                        .why = fmt::format(
                            "an element of '{}' is a map or the path of a YAML file with such a map", key),
                        .suggestion = "correct the path"});
    }
    element = read_config_document(file);
  }
}

// Throws if two elements have the same name; `key` is "models" or "benchmarks".
template <class Named>
void require_unique_names(const std::vector<Named>& elements, const ConfigNode& list,
                          const std::string& key) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (names.insert(elements[i].name).second) continue;
    fail_at(list.children[i],
            {.problem = fmt::format("two elements of '{}' have the name '{}'", key, elements[i].name),
             .why = "the name tells them apart in every result",
             .suggestion = "give each a 'name' of its own"});
  }
}

std::vector<ModelConfig> read_models(const ConfigSection& root, const ExperimentReadOptions& options) {
  const ConfigNode& list = root.require("models", "models: [{name: llama, path: /data/llama}]");
  std::vector<ModelConfig> models;
  for (const ConfigNode& element : to_list(list, "models", "a list of at least one model")) {
    const std::string path = fmt::format("models.{}", models.size());
    const ConfigSection section(element, path, {"name", "path"});
    models.push_back({.name = to_name(section.require("name", "name: llama-3-8b"), path + ".name"),
                      .path = to_existing_path(section.require("path", "path: /data/llama-3-8b"),
                                               path + ".path", true, options)});
  }
  require_unique_names(models, list, "models");
  return models;
}

std::vector<std::string> read_subjects(const ConfigNode& node, const std::string& key) {
  std::vector<std::string> subjects;
  std::set<std::string> seen;
  for (const ConfigNode& element : to_list(node, key, "a list of at least one subject")) {
    subjects.push_back(to_text(element, key));
    if (!seen.insert(subjects.back()).second) {
      fail_at(element, {.problem = fmt::format("'{}' stands twice in '{}'", subjects.back(), key)});
    }
  }
  return subjects;
}

std::vector<Scoring> read_scoring(const ConfigNode& node, const std::string& key) {
  std::set<Scoring> scoring;
  for (const ConfigNode& element : to_list(node, key, "a list of at least one of generate, loglik")) {
    const Scoring kind = parse_scoring(to_choice(element, key, {"generate", "loglik"}));
    if (!scoring.insert(kind).second) {
      fail_at(element, {.problem = fmt::format("scoring '{}' stands twice", to_string(kind)),
                        .suggestion = "remove one"});
    }
  }
  return {scoring.begin(), scoring.end()};
}

// How answers are made and what the model is shown: scoring, chat_template.
void read_scoring_keys(const ConfigSection& section, const std::string& path, BenchmarkConfig& benchmark) {
  if (const auto* n = section.find("scoring")) benchmark.scoring = read_scoring(*n, path + ".scoring");
  benchmark.chat_template = benchmark.protocol == "paper";
  if (const auto* n = section.find("chat_template")) {
    benchmark.chat_template = to_boolean(*n, path + ".chat_template");
    if (!benchmark.chat_template && benchmark.protocol == "paper") {
      fail_at(*n, {.problem = fmt::format("'{}.chat_template' cannot be false under protocol 'paper'", path),
                   .why = "the paper's prompts are chat messages",
                   .suggestion = "use protocol: harness or leave chat_template out"});
    }
  }
}

void require_gpqa(const ConfigNode& node, const std::string& key, const BenchmarkConfig& benchmark,
                  const std::string& why) {
  if (benchmark.kind == "gpqa") return;
  fail_at(node, {.problem = fmt::format("'{}' has no meaning for {}", key, benchmark.kind),
                 .why = why,
                 .suggestion = "leave it out"});
}

BenchmarkConfig read_benchmark(const ConfigNode& element, const std::string& path,
                               const ExperimentReadOptions& options) {
  const ConfigSection section(element, path,
                              {"benchmark", "path", "name", "protocol", "split", "subjects", "limit", "shots",
                               "choice_order", "variant", "grading", "scoring", "chat_template"});
  BenchmarkConfig benchmark;
  const ConfigNode& kind = section.require("benchmark", "benchmark: mmlu");
  benchmark.kind = options.benchmark_kinds.empty()
                       ? to_name(kind, path + ".benchmark")
                       : to_choice(kind, path + ".benchmark", options.benchmark_kinds);
  benchmark.name = benchmark.kind;
  benchmark.path =
      to_existing_path(section.require("path", "path: /data/mmlu"), path + ".path", false, options);
  if (const auto* n = section.find("name")) benchmark.name = to_name(*n, path + ".name");
  if (const auto* n = section.find("protocol")) {
    benchmark.protocol = to_choice(*n, path + ".protocol", {"paper", "harness"});
  }
  if (const auto* n = section.find("split")) benchmark.split = to_name(*n, path + ".split");
  if (const auto* n = section.find("subjects")) benchmark.subjects = read_subjects(*n, path + ".subjects");
  if (const auto* n = section.find("limit")) benchmark.limit = to_integer(*n, path + ".limit", 1);
  if (const auto* n = section.find("shots")) {
    benchmark.shots = to_integer(*n, path + ".shots", 0);
    if (benchmark.shots > 0 && benchmark.protocol == "paper") {
      fail_at(*n, {.problem =
                       fmt::format("'{}.shots' cannot be {} under protocol 'paper'", path, benchmark.shots),
                   .why = "the paper's prompts have no examples",
                   .suggestion = "use protocol: harness or leave shots out"});
    }
  }
  if (benchmark.kind == "gpqa") benchmark.choice_order = benchmark.protocol == "paper" ? "fixed" : "harness";
  if (const auto* n = section.find("choice_order")) {
    require_gpqa(*n, path + ".choice_order", benchmark,
                 "only GPQA's files leave the order of the choices open");
    benchmark.choice_order = to_choice(*n, path + ".choice_order", {"fixed", "author", "harness"});
  }
  if (const auto* n = section.find("variant")) {
    require_gpqa(*n, path + ".variant", benchmark, "only GPQA has several forms of the harness's prompt");
    benchmark.variant = to_choice(*n, path + ".variant", {"zeroshot", "cot_zeroshot", "n_shot"});
  }
  if (const auto* n = section.find("grading")) {
    benchmark.grading = to_choice(*n, path + ".grading", {"strict", "lenient"});
  }
  read_scoring_keys(section, path, benchmark);
  return benchmark;
}

std::vector<BenchmarkConfig> read_benchmarks(const ConfigSection& root,
                                             const ExperimentReadOptions& options) {
  const ConfigNode& list = root.require("benchmarks", "benchmarks: [{benchmark: mmlu, path: /data/mmlu}]");
  std::vector<BenchmarkConfig> benchmarks;
  for (const ConfigNode& element : to_list(list, "benchmarks", "a list of at least one benchmark")) {
    benchmarks.push_back(read_benchmark(element, fmt::format("benchmarks.{}", benchmarks.size()), options));
  }
  require_unique_names(benchmarks, list, "benchmarks");
  return benchmarks;
}

std::vector<double> read_alphas(const ConfigNode& node) {
  const std::string expected = "a list of at least one number from 0 to 1";
  std::vector<double> alphas;
  for (const ConfigNode& element : to_list(node, "lac.alphas", expected)) {
    const double alpha = to_number(element, "lac.alphas", expected);
    if (alpha < 0 || alpha > 1) {
      fail_at(element,
              {.problem = fmt::format("alpha {} is out of range", element.scalar),
               .why = "the threshold is alpha times a range of norm changes, so alpha is from 0 to 1",
               .suggestion = "choose for example [0.2, 0.5, 0.8]"});
    }
    if (std::find(alphas.begin(), alphas.end(), alpha) != alphas.end()) {
      fail_at(element,
              {.problem = fmt::format("alpha {} stands twice", element.scalar), .suggestion = "remove one"});
    }
    alphas.push_back(alpha + 0.0);  // -0 becomes 0
  }
  std::sort(alphas.begin(), alphas.end());
  return alphas;
}

LacConfig read_lac(const ConfigSection& root) {
  const ConfigSection section(root.require("lac", "lac: {alphas: [0.2, 0.5, 0.8]}"), "lac",
                              {"alphas", "modes", "norm_precision"});
  LacConfig lac;
  lac.alphas = read_alphas(section.require("alphas", "alphas: [0.2, 0.5, 0.8]"));
  if (const auto* n = section.find("modes")) {
    std::set<LacMode> modes;
    for (const ConfigNode& element :
         to_list(*n, "lac.modes", "a list of at least one of trace, exit, propagate")) {
      const LacMode mode = parse_lac_mode(to_choice(element, "lac.modes", {"trace", "exit", "propagate"}));
      if (!modes.insert(mode).second) {
        fail_at(element, {.problem = fmt::format("mode '{}' stands twice", to_string(mode)),
                          .suggestion = "remove one"});
      }
    }
    modes.erase(LacMode::kTrace);  // always runs
    lac.modes.assign(modes.begin(), modes.end());
  }
  if (const auto* n = section.find("norm_precision")) {
    lac.norm_precision = parse_norm_precision(to_choice(*n, "lac.norm_precision", {"model", "float32"}));
  }
  return lac;
}

GenerationConfig read_generation(const ConfigNode& node) {
  const ConfigSection section(node, "generation",
                              {"sampling", "temperature", "top_p", "max_new_tokens", "seed", "begin_token"});
  GenerationConfig generation;
  if (const auto* n = section.find("sampling")) {
    generation.greedy = to_choice(*n, "generation.sampling", {"greedy", "top_p"}) == "greedy";
  }
  if (const auto* n = section.find("temperature")) {
    const std::string expected = "a number over 0, at most 100 (for no randomness use sampling: greedy)";
    generation.temperature = to_number(*n, "generation.temperature", expected);
    if (generation.temperature <= 0 || generation.temperature > 100)
      fail_type(*n, "generation.temperature", expected);
  }
  if (const auto* n = section.find("top_p")) {
    generation.top_p = to_number(*n, "generation.top_p", "a number over 0, at most 1");
    if (generation.top_p <= 0 || generation.top_p > 1)
      fail_type(*n, "generation.top_p", "a number over 0, at most 1");
  }
  if (const auto* n = section.find("max_new_tokens")) {
    generation.max_new_tokens = to_integer(*n, "generation.max_new_tokens", 1);
  }
  if (const auto* n = section.find("seed")) generation.seed = to_unsigned(*n, "generation.seed");
  if (const auto* n = section.find("begin_token")) {
    generation.double_begin_token = to_choice(*n, "generation.begin_token", {"double", "single"}) == "double";
  }
  return generation;
}

ComputeConfig read_compute(const ConfigNode& node) {
  const ConfigSection section(node, "compute",
                              {"dtype", "device", "threads", "unit_questions", "batch_tokens", "memory_share",
                               "heartbeat_seconds", "grace_seconds"});
  ComputeConfig compute;
  if (const auto* n = section.find("dtype")) {
    compute.dtype = parse_data_type(to_choice(*n, "compute.dtype", {"float32", "bfloat16"}));
  }
  if (const auto* n = section.find("device")) {
    compute.device = to_choice(*n, "compute.device", {"auto", "cpu", "cuda"});
  }
  if (const auto* n = section.find("threads")) compute.threads = to_integer(*n, "compute.threads", 0);
  if (const auto* n = section.find("unit_questions")) {
    compute.unit_questions = to_integer(*n, "compute.unit_questions", 1);
  }
  if (const auto* n = section.find("batch_tokens"))
    compute.batch_tokens = to_integer(*n, "compute.batch_tokens", 1);
  if (const auto* n = section.find("memory_share")) {
    const std::string expected = "a number over 0, at most 1";
    compute.memory_share = to_number(*n, "compute.memory_share", expected);
    if (!(compute.memory_share > 0 && compute.memory_share <= 1)) {
      fail_type(*n, "compute.memory_share", expected);
    }
  }
  const auto read_seconds = [&](const char* key, double least, double& seconds) {
    const auto* const n = section.find(key);
    if (n == nullptr) return;
    const std::string name = fmt::format("compute.{}", key);
    const std::string expected = fmt::format("a number of seconds from {} to 86400", least);
    seconds = to_number(*n, name, expected);
    if (!(seconds >= least && seconds <= 86400)) fail_type(*n, name, expected);
  };
  read_seconds("heartbeat_seconds", 1, compute.heartbeat_seconds);
  read_seconds("grace_seconds", 0, compute.grace_seconds);
  return compute;
}

StoreConfig read_store(const ConfigNode& node) {
  const ConfigSection section(node, "store", {"norms", "author_json"});
  StoreConfig store;
  if (const auto* n = section.find("norms")) store.norms = to_boolean(*n, "store.norms");
  if (const auto* n = section.find("author_json")) store.author_json = to_boolean(*n, "store.author_json");
  return store;
}

// Files of answers where nobody answers would silently not be there.
void check_author_json(const ConfigSection& section, const ExperimentConfig& config) {
  const auto generates = [](const BenchmarkConfig& benchmark) {
    return benchmark.asks_for(Scoring::kGenerate);
  };
  if (!config.store.author_json || std::ranges::any_of(config.benchmarks, generates)) return;
  fail_at(*section.find("store")->find("author_json"),
          {.problem = "'store.author_json' cannot be true here",
           .why = "these files hold generated answers, and no benchmark has scoring 'generate'",
           .suggestion = "leave it out, or add generate to a benchmark's scoring"});
}

std::string default_name(const std::filesystem::path& file) {
  ConfigNode stem{
      .kind = ConfigNode::Kind::kScalar, .scalar = file.stem().string(), .location = {.file = file}};
  return to_name(stem, "name (by default that of the file)");
}

}  // namespace

ExperimentConfig read_experiment(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                                 const ExperimentReadOptions& options) {
  ConfigNode root = read_config_document(file);
  // Before the overrides, so that they reach into included files; and after, for files that they name.
  for (const std::string_view key : {"models", "benchmarks"}) include_files(root, key);
  for (const std::string& argument : overrides) apply_override(root, argument);
  for (const std::string_view key : {"models", "benchmarks"}) include_files(root, key);

  const ConfigSection section(
      root, "", {"name", "output", "models", "benchmarks", "lac", "generation", "compute", "store"});
  ExperimentConfig config;
  const auto* const name = section.find("name");
  config.name = name != nullptr ? to_name(*name, "name") : default_name(file);
  const std::filesystem::path here = std::filesystem::current_path();
  const auto* const output = section.find("output");
  config.output = output != nullptr ? to_path(*output, "output", here) : here / "runs" / config.name;
  config.lac = read_lac(section);
  if (const auto* n = section.find("generation")) config.generation = read_generation(*n);
  if (const auto* n = section.find("compute")) config.compute = read_compute(*n);
  if (const auto* n = section.find("store")) config.store = read_store(*n);
  config.models = read_models(section, options);
  config.benchmarks = read_benchmarks(section, options);
  check_author_json(section, config);
  return config;
}

}  // namespace lacuna
