// The engine of a worker: computes work units with LibTorch on one device.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "worker/models/load_model.h"
#include "worker/serve/unit_executor.h"

namespace lacuna {

struct EngineOptions {
  std::int64_t device_index = -1;  // CUDA device; -1: the CPU
  std::int64_t threads = 1;        // CPU threads
  std::int64_t memory_bytes = 0;   // what the process may take (CPU); 0: no limit
};

// An executor for the units of this experiment. It keeps the model, tokenizer and benchmark of the last unit
// loaded. Nothing is loaded yet.
std::unique_ptr<UnitExecutor> make_engine(const ExperimentConfig& config, const EngineOptions& options);

// Checks a model directory as far as headers tell (weights, shapes, tokenizer, and the chat template if one
// of the benchmarks needs it) and returns its facts. Throws InputError.
ModelFacts check_model(const ModelConfig& model, const std::vector<BenchmarkConfig>& benchmarks);

// Prompt tokens of a benchmark's questions, without loading the model.
class PromptCounter {
 public:
  virtual ~PromptCounter() = default;
  virtual std::int64_t count_prompt_tokens(QuestionIndex index) = 0;
  // The tokens of all prompts that have more than `most_tokens`, in the order of the questions. Quick where
  // prompts have no more bytes than that: those are not tokenized.
  virtual std::vector<std::int64_t> count_long_prompts(std::int64_t most_tokens) = 0;
};
std::unique_ptr<PromptCounter> make_prompt_counter(const ExperimentConfig& config, ModelIndex model,
                                                   BenchmarkIndex benchmark);

// "LibTorch 1.13.1, CPU ..." for the manifest.
std::string describe_device(const EngineOptions& options);

}  // namespace lacuna
