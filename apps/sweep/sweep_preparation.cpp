#include "apps/sweep/sweep_preparation.h"

#include <fmt/format.h>

#include "core/content_hash.h"
#include "core/error.h"
#include "core/experiment_json.h"
#include "core/experiment_yaml.h"
#include "orchestrator/work_plan.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna {
namespace {

constexpr std::uintmax_t kLongReadBytes = 2'000'000'000;

// Hashes by file name relative to `base` (a directory, or the one file itself).
nlohmann::json hash_files(const std::vector<std::filesystem::path>& files, const std::filesystem::path& base,
                          const KeepAlive& keep_alive) {
  nlohmann::json hashes = nlohmann::json::object();
  for (const std::filesystem::path& file : files) {
    const std::filesystem::path name = file == base ? file.filename() : file.lexically_relative(base);
    hashes[name.empty() ? file.filename().string() : name.string()] = hash_file(file, keep_alive);
  }
  return hashes;
}

// Beyond the positions that a model was made for its output says nothing about it.
void warn_of_long_prompts(PreparedSweep& sweep, const InferenceParts& inference) {
  const ExperimentConfig& config = sweep.config;
  for (std::size_t m = 0; m < config.models.size(); ++m) {
    for (std::size_t b = 0; b < config.benchmarks.size(); ++b) {
      const std::int64_t positions = sweep.models[m].max_positions;
      if (positions == 0) continue;
      const bool generates = config.benchmarks[b].asks_for(Scoring::kGenerate);
      const std::int64_t answer = generates ? config.generation.max_new_tokens : 0;
      const LongPrompts found =
          inference.find_long_prompts(config, ModelIndex(static_cast<std::int32_t>(m)),
                                      BenchmarkIndex(static_cast<std::int32_t>(b)), positions - answer);
      if (found.questions == 0) continue;
      sweep.warnings.push_back(
          fmt::format("{} on {}: {} of {} questions may need more than the model's {} positions "
                      "(max_position_embeddings): "
                      "the longest prompt has {} tokens, an answer up to {}",
                      config.models[m].name, config.benchmarks[b].name, found.questions,
                      sweep.question_counts[b], positions, found.longest, answer));
    }
  }
}

}  // namespace

PreparedSweep prepare_sweep(const SweepRequest& request, const InferenceParts& inference) {
  PreparedSweep sweep;
  sweep.config =
      read_experiment(request.experiment_file, request.overrides, {.benchmark_kinds = benchmark_kinds()});
  for (const BenchmarkConfig& config : sweep.config.benchmarks) {
    const std::unique_ptr<Benchmark> benchmark = load_benchmark(config, sweep.config.generation.seed);
    if (benchmark->size() == 0) {
      throw InputError({.problem = fmt::format("benchmark '{}' has no questions", config.name),
                        .why = fmt::format("none of '{}' fits its subjects", config.path.string()),
                        .suggestion = "choose other subjects or another file"});
    }
    sweep.question_counts.push_back(benchmark->size());
    for (const std::string& warning : benchmark->warnings()) {
      sweep.warnings.push_back(fmt::format("{}: {}", config.name, warning));
    }
  }
  for (const ModelConfig& model : sweep.config.models) {
    sweep.models.push_back(inference.check_model(model, sweep.config.benchmarks));
  }
  warn_of_long_prompts(sweep, inference);
  sweep.plan = make_work_plan(sweep.config, sweep.question_counts);
  return sweep;
}

nlohmann::json hash_content(const PreparedSweep& sweep,
                            const std::function<void(const std::string&)>& announce,
                            const KeepAlive& keep_alive) {
  std::uintmax_t bytes = 0;
  for (const ModelSummary& model : sweep.models) {
    for (const std::filesystem::path& file : model.files) {
      std::error_code ignored;
      bytes += std::filesystem::file_size(file, ignored);
    }
  }
  if (bytes >= kLongReadBytes) {
    announce(fmt::format("reading {:.1f} GB of model files to record their hashes",
                         static_cast<double>(bytes) / 1e9));
  }
  nlohmann::json models = nlohmann::json::object();
  for (std::size_t i = 0; i < sweep.models.size(); ++i) {
    models[sweep.config.models[i].name] =
        hash_files(sweep.models[i].files, sweep.config.models[i].path, keep_alive);
  }
  nlohmann::json benchmarks = nlohmann::json::object();
  for (const BenchmarkConfig& config : sweep.config.benchmarks) {
    benchmarks[config.name] = hash_files(files_of(config), config.path, keep_alive);
  }
  return {{"models", models}, {"benchmarks", benchmarks}};
}

std::string compute_fingerprint(const ExperimentConfig& config, const nlohmann::json& content) {
  return hash_bytes(nlohmann::json({{"config", fingerprint_document(config)}, {"content", content}}).dump());
}

}  // namespace lacuna
