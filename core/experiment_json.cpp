#include "core/experiment_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace lacuna {
namespace {

using Json = nlohmann::json;

Json benchmark_to_json(const BenchmarkConfig& benchmark) {
  Json scoring = Json::array();
  for (const Scoring kind : benchmark.scoring) scoring.push_back(to_string(kind));
  return {{"name", benchmark.name},
          {"benchmark", benchmark.kind},
          {"path", benchmark.path.string()},
          {"protocol", benchmark.protocol},
          {"split", benchmark.split},
          {"subjects", benchmark.subjects},
          {"limit", benchmark.limit ? Json(*benchmark.limit) : Json()},
          {"shots", benchmark.shots},
          {"choice_order", benchmark.choice_order},
          {"variant", benchmark.variant},
          {"grading", benchmark.grading},
          {"scoring", scoring},
          {"chat_template", benchmark.chat_template}};
}

BenchmarkConfig benchmark_from_json(const Json& json) {
  BenchmarkConfig benchmark;
  json.at("name").get_to(benchmark.name);
  json.at("benchmark").get_to(benchmark.kind);
  benchmark.path = json.at("path").get<std::string>();
  json.at("protocol").get_to(benchmark.protocol);
  json.at("split").get_to(benchmark.split);
  json.at("subjects").get_to(benchmark.subjects);
  if (!json.at("limit").is_null()) benchmark.limit = json.at("limit").get<std::int64_t>();
  json.at("shots").get_to(benchmark.shots);
  json.at("choice_order").get_to(benchmark.choice_order);
  json.at("variant").get_to(benchmark.variant);
  json.at("grading").get_to(benchmark.grading);
  benchmark.scoring.clear();
  for (const Json& kind : json.at("scoring")) {
    benchmark.scoring.push_back(parse_scoring(kind.get<std::string>()));
  }
  json.at("chat_template").get_to(benchmark.chat_template);
  return benchmark;
}

Json lac_to_json(const LacConfig& lac) {
  Json modes = Json::array();
  for (const LacMode mode : lac.modes) modes.push_back(to_string(mode));
  return {{"modes", modes}, {"alphas", lac.alphas}, {"norm_precision", to_string(lac.norm_precision)}};
}

LacConfig lac_from_json(const Json& json) {
  LacConfig lac;
  lac.modes.clear();
  for (const Json& mode : json.at("modes")) lac.modes.push_back(parse_lac_mode(mode.get<std::string>()));
  json.at("alphas").get_to(lac.alphas);
  lac.norm_precision = parse_norm_precision(json.at("norm_precision").get<std::string>());
  return lac;
}

Json generation_to_json(const GenerationConfig& generation) {
  return {{"sampling", generation.greedy ? "greedy" : "top_p"},
          {"temperature", generation.temperature},
          {"top_p", generation.top_p},
          {"max_new_tokens", generation.max_new_tokens},
          {"seed", generation.seed},
          {"begin_token", generation.double_begin_token ? "double" : "single"}};
}

GenerationConfig generation_from_json(const Json& json) {
  GenerationConfig generation;
  generation.greedy = json.at("sampling").get<std::string>() == "greedy";
  json.at("temperature").get_to(generation.temperature);
  json.at("top_p").get_to(generation.top_p);
  json.at("max_new_tokens").get_to(generation.max_new_tokens);
  json.at("seed").get_to(generation.seed);
  generation.double_begin_token = json.at("begin_token").get<std::string>() == "double";
  return generation;
}

Json compute_to_json(const ComputeConfig& compute) {
  return {{"dtype", to_string(compute.dtype)},
          {"device", compute.device},
          {"threads", compute.threads},
          {"unit_questions", compute.unit_questions},
          {"batch_tokens", compute.batch_tokens},
          {"memory_share", compute.memory_share},
          {"heartbeat_seconds", compute.heartbeat_seconds},
          {"grace_seconds", compute.grace_seconds}};
}

ComputeConfig compute_from_json(const Json& json) {
  ComputeConfig compute;
  compute.dtype = parse_data_type(json.at("dtype").get<std::string>());
  json.at("device").get_to(compute.device);
  json.at("threads").get_to(compute.threads);
  json.at("unit_questions").get_to(compute.unit_questions);
  json.at("batch_tokens").get_to(compute.batch_tokens);
  compute.memory_share = json.value("memory_share", compute.memory_share);  // younger than the others
  json.at("heartbeat_seconds").get_to(compute.heartbeat_seconds);
  json.at("grace_seconds").get_to(compute.grace_seconds);
  return compute;
}

// Collects differing leaves in key order.
class DifferenceList {
 public:
  DifferenceList(std::string_view name_of_a, std::string_view name_of_b, std::size_t limit)
      : name_of_a_(name_of_a), name_of_b_(name_of_b), limit_(limit) {}

  void compare(const Json* a, const Json* b, const std::string& path) {
    if (lines_.size() >= limit_) return;
    if (a != nullptr && b != nullptr && *a == *b) return;
    if (a != nullptr && b != nullptr && a->is_object() && b->is_object())
      return compare_objects(*a, *b, path);
    if (a != nullptr && b != nullptr && a->is_array() && b->is_array() && a->size() == b->size() &&
        !a->front().is_primitive()) {
      for (std::size_t i = 0; i < a->size(); ++i) compare(&(*a)[i], &(*b)[i], fmt::format("{}.{}", path, i));
      return;
    }
    lines_.push_back(fmt::format("{}: {} in {}, {} in {}", path, show(a), name_of_a_, show(b), name_of_b_));
  }

  std::vector<std::string> take() { return std::move(lines_); }

 private:
  void compare_objects(const Json& a, const Json& b, const std::string& path) {
    std::vector<std::string> keys;
    for (const Json* const object : {&a, &b}) {
      for (const auto& item : object->items()) keys.push_back(item.key());
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    for (const std::string& key : keys) {
      const auto in_a = a.find(key);
      const auto in_b = b.find(key);
      compare(in_a == a.end() ? nullptr : &*in_a, in_b == b.end() ? nullptr : &*in_b,
              path.empty() ? key : fmt::format("{}.{}", path, key));
    }
  }

  static std::string show(const Json* value) {
    if (value == nullptr) return "nothing";
    std::string text = value->dump(-1, ' ', false, Json::error_handler_t::replace);
    constexpr std::size_t kShown = 80;
    return text.size() <= kShown ? text : text.substr(0, kShown) + "...";
  }

  std::string_view name_of_a_;
  std::string_view name_of_b_;
  std::size_t limit_;
  std::vector<std::string> lines_;
};

}  // namespace

nlohmann::json to_json(const ExperimentConfig& config) {
  Json models = Json::array();
  for (const ModelConfig& model : config.models) {
    models.push_back({{"name", model.name}, {"path", model.path.string()}});
  }
  Json benchmarks = Json::array();
  for (const BenchmarkConfig& benchmark : config.benchmarks)
    benchmarks.push_back(benchmark_to_json(benchmark));
  return {{"name", config.name},
          {"output", config.output.string()},
          {"models", models},
          {"benchmarks", benchmarks},
          {"lac", lac_to_json(config.lac)},
          {"generation", generation_to_json(config.generation)},
          {"compute", compute_to_json(config.compute)},
          {"store", {{"norms", config.store.norms}, {"author_json", config.store.author_json}}}};
}

ExperimentConfig experiment_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    ExperimentConfig config;
    json.at("name").get_to(config.name);
    config.output = json.at("output").get<std::string>();
    for (const Json& model : json.at("models")) {
      config.models.push_back(
          {.name = model.at("name").get<std::string>(), .path = model.at("path").get<std::string>()});
    }
    for (const Json& benchmark : json.at("benchmarks")) {
      config.benchmarks.push_back(benchmark_from_json(benchmark));
    }
    config.lac = lac_from_json(json.at("lac"));
    config.generation = generation_from_json(json.at("generation"));
    config.compute = compute_from_json(json.at("compute"));
    json.at("store").at("norms").get_to(config.store.norms);
    json.at("store").at("author_json").get_to(config.store.author_json);
    return config;
  } catch (const Json::exception& error) {
    throw InputError({.problem = "this is not the resolved config of an experiment",
                      .why = error.what(),
                      .suggestion = "it may come from another version of lacuna"});
  }
}

nlohmann::json fingerprint_document(const ExperimentConfig& config) {
  Json document = to_json(config);
  document.erase("name");
  document.erase("output");
  for (const char* const key : {"threads", "memory_share", "heartbeat_seconds", "grace_seconds"})
    document["compute"].erase(key);
  for (const char* const list : {"models", "benchmarks"}) {
    for (Json& element : document[list]) element.erase("path");
  }
  return document;
}

std::vector<std::string> describe_differences(const nlohmann::json& a, const nlohmann::json& b,
                                              std::string_view name_of_a, std::string_view name_of_b,
                                              std::size_t limit) {
  DifferenceList differences(name_of_a, name_of_b, limit);
  differences.compare(&a, &b, "");
  return differences.take();
}

}  // namespace lacuna
