#include "results/run_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/experiment_json.h"

namespace lacuna {

namespace {

using nlohmann::json;

constexpr std::int64_t kManifestVersion = 1;
constexpr const char* kFormat = "lacuna-manifest";

[[noreturn]] void refuse(std::string why) {
  throw InputError({.problem = "cannot use the run's manifest", .why = std::move(why)});
}

StreamKind parse_stream(const std::string& name) {
  for (const StreamKind stream : {StreamKind::kShared, StreamKind::kPropagate}) {
    if (name == to_string(stream)) return stream;
  }
  refuse(fmt::format("'{}' is no kind of stream (shared, propagate)", name));
}

json unit_to_json(const WorkUnit& unit) {
  return {{"id", unit.id.value()},
          {"model", unit.model.value()},
          {"benchmark", unit.benchmark.value()},
          {"stream", to_string(unit.stream)},
          {"first_question", unit.first_question.value()},
          {"question_count", unit.question_count}};
}

WorkUnit unit_from_json(const json& object) {
  return {.id = UnitId(object.at("id").get<std::string>()),
          .model = ModelIndex(object.at("model").get<std::int32_t>()),
          .benchmark = BenchmarkIndex(object.at("benchmark").get<std::int32_t>()),
          .stream = parse_stream(object.at("stream").get<std::string>()),
          .first_question = QuestionIndex(object.at("first_question").get<std::int64_t>()),
          .question_count = object.at("question_count").get<std::int64_t>()};
}

// A unit's id becomes a file name: no folders, no hidden files, no control characters.
bool is_safe_name(const std::string& name) {
  constexpr std::size_t kLongest = 200;
  const bool has_bad = std::any_of(name.begin(), name.end(), [](char c) {
    return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
  });
  return !name.empty() && name.size() <= kLongest && name.front() != '.' && !has_bad;
}

void check_units(const RunManifest& manifest) {
  const auto models = static_cast<std::int32_t>(manifest.models.size());
  const auto benchmarks = static_cast<std::int32_t>(manifest.benchmarks.size());
  std::set<UnitId> seen;
  for (const WorkUnit& unit : manifest.units) {
    if (!is_safe_name(unit.id.value())) refuse(fmt::format("unit id '{}' is no safe file name", unit.id));
    if (!seen.insert(unit.id).second) refuse(fmt::format("unit '{}' is listed twice", unit.id));
    if (unit.model.value() < 0 || unit.model.value() >= models || unit.benchmark.value() < 0 ||
        unit.benchmark.value() >= benchmarks || unit.first_question.value() < 0 || unit.question_count < 0) {
      refuse(fmt::format("unit '{}' refers to a model, benchmark or question that is not there", unit.id));
    }
  }
}

using ScoringOfBenchmarks = std::vector<std::vector<Scoring>>;

ScoringOfBenchmarks generate_only(std::size_t benchmarks) {
  return ScoringOfBenchmarks(benchmarks, {Scoring::kGenerate});
}

json scoring_to_json(const ScoringOfBenchmarks& scoring) {
  json lists = json::array();
  for (const std::vector<Scoring>& of_one : scoring) {
    json list = json::array();
    for (const Scoring kind : of_one) list.push_back(to_string(kind));
    lists.push_back(std::move(list));
  }
  return lists;
}

ScoringOfBenchmarks scoring_from_json(const json& lists, std::size_t benchmarks) {
  ScoringOfBenchmarks scoring;
  for (const json& list : lists) {
    scoring.emplace_back();
    for (const json& kind : list) scoring.back().push_back(parse_scoring(kind.get<std::string>()));
  }
  if (scoring.size() != benchmarks) {
    refuse(fmt::format("it lists {} benchmarks but how {} are scored", benchmarks, scoring.size()));
  }
  return scoring;
}

RunManifest parse_fields(const json& object) {
  RunManifest manifest;
  manifest.experiment = object.at("experiment").get<std::string>();
  manifest.models = object.at("models").get<std::vector<std::string>>();
  manifest.benchmarks = object.at("benchmarks").get<std::vector<std::string>>();
  manifest.scoring = object.contains("scoring")
                         ? scoring_from_json(object.at("scoring"), manifest.benchmarks.size())
                         : generate_only(manifest.benchmarks.size());
  manifest.alphas = object.at("alphas").get<std::vector<double>>();
  for (const json& mode : object.at("modes"))
    manifest.modes.push_back(parse_lac_mode(mode.get<std::string>()));
  manifest.norms = object.at("norms").get<bool>();
  for (const json& unit : object.at("units")) manifest.units.push_back(unit_from_json(unit));
  manifest.fingerprint = object.at("fingerprint").get<std::string>();
  manifest.config = object.at("config");
  manifest.content = object.at("content");
  manifest.environment = object.at("environment");
  return manifest;
}

}  // namespace

RunManifest make_manifest(const ExperimentConfig& config, std::vector<WorkUnit> plan) {
  RunManifest manifest;
  manifest.experiment = config.name;
  for (const ModelConfig& model : config.models) manifest.models.push_back(model.name);
  for (const BenchmarkConfig& benchmark : config.benchmarks) {
    manifest.benchmarks.push_back(benchmark.name);
    manifest.scoring.push_back(benchmark.scoring);
  }
  manifest.alphas = config.lac.alphas;
  manifest.modes = config.lac.modes;
  manifest.norms = config.store.norms;
  manifest.units = std::move(plan);
  manifest.config = to_json(config);
  return manifest;
}

json to_json(const RunManifest& manifest) {
  json modes = json::array();
  for (const LacMode mode : manifest.modes) modes.push_back(to_string(mode));
  json units = json::array();
  for (const WorkUnit& unit : manifest.units) units.push_back(unit_to_json(unit));
  json object = {{"format", kFormat},
                 {"format_version", kManifestVersion},
                 {"experiment", manifest.experiment},
                 {"models", manifest.models},
                 {"benchmarks", manifest.benchmarks},
                 {"alphas", manifest.alphas},
                 {"modes", std::move(modes)},
                 {"norms", manifest.norms},
                 {"units", std::move(units)},
                 {"fingerprint", manifest.fingerprint},
                 {"config", manifest.config},
                 {"content", manifest.content},
                 {"environment", manifest.environment}};
  if (manifest.scoring != generate_only(manifest.benchmarks.size())) {
    object["scoring"] = scoring_to_json(manifest.scoring);
  }
  return object;
}

RunManifest parse_manifest(const json& object) {
  try {
    if (!object.is_object() || object.value("format", "") != kFormat) refuse("it is no Lacuna manifest");
    const auto version = object.at("format_version").get<std::int64_t>();
    if (version != kManifestVersion) {
      refuse(
          fmt::format("its format version is {}; this Lacuna reads version {}", version, kManifestVersion));
    }
    RunManifest manifest = parse_fields(object);
    check_units(manifest);
    return manifest;
  } catch (const json::exception& error) {
    refuse(error.what());
  }
}

json comparable_manifest(const RunManifest& manifest) {
  json comparable = to_json(manifest);
  comparable.erase("environment");
  comparable.erase("experiment");
  if (manifest.config.is_object() && !manifest.config.empty()) {
    try {
      comparable["config"] = fingerprint_document(experiment_from_json(manifest.config.dump()));
    } catch (const Error&) {
      // A config of another version of Lacuna: compared as it is.
    }
  }
  return comparable;
}

}  // namespace lacuna
