#include "apps/inference.h"

#include <algorithm>

#include "worker/engine/engine.h"
#include "worker/nn/compute_device.h"

namespace lacuna {
namespace {

EngineOptions to_engine_options(const WorkerPlace& place) {
  return {.device_index = place.device_index, .threads = place.threads, .memory_bytes = place.memory_bytes};
}

ModelSummary summarize(const ModelConfig& model, const std::vector<BenchmarkConfig>& benchmarks) {
  ModelFacts facts = check_model(model, benchmarks);
  const Architecture& architecture = facts.architecture;
  return {.family = architecture.family,
          .layers = architecture.layers,
          .parameters = facts.parameters,
          .weight_bytes = facts.weight_bytes,
          .cache_values_per_token = 2 * architecture.layers * architecture.kv_heads * architecture.head_dim,
          .max_positions = architecture.max_positions,
          .files = std::move(facts.files)};
}

LongPrompts find_long_prompts(const ExperimentConfig& config, ModelIndex model, BenchmarkIndex benchmark,
                              std::int64_t most_tokens) {
  const std::vector<std::int64_t> counts =
      make_prompt_counter(config, model, benchmark)->count_long_prompts(most_tokens);
  return {.questions = static_cast<std::int64_t>(counts.size()),
          .longest = counts.empty() ? 0 : std::ranges::max(counts)};
}

}  // namespace

InferenceParts make_inference_parts() {
  return {
      .check_model = summarize,
      .find_long_prompts = find_long_prompts,
      .count_gpus = count_gpus,
      .make_executor = [](const ExperimentConfig& config,
                          const WorkerPlace& place) { return make_engine(config, to_engine_options(place)); },
      .describe_device = [](const WorkerPlace& place) { return describe_device(to_engine_options(place)); }};
}

}  // namespace lacuna
