// What a sweep needs of inference, so that it is built and tested without LibTorch. run_command.cpp fills it
// in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "core/ids.h"
#include "core/record_sink.h"
#include "results/run_directory.h"
#include "worker/serve/unit_executor.h"

namespace lacuna {

// What a model directory says of itself without being loaded.
struct ModelSummary {
  std::string family;
  std::int64_t layers = 0;
  std::int64_t parameters = 0;
  std::int64_t weight_bytes = 0;             // as stored
  std::int64_t cache_values_per_token = 0;   // keys and values of all layers
  std::int64_t max_positions = 0;            // max_position_embeddings; 0: unknown
  std::vector<std::filesystem::path> files;  // those that results depend on
};

// The prompts of a benchmark that have more tokens than some limit.
struct LongPrompts {
  std::int64_t questions = 0;
  std::int64_t longest = 0;  // tokens; 0 if there is none
};

// Where a worker computes.
struct WorkerPlace {
  std::int64_t device_index = -1;  // CUDA device; -1: the CPU
  std::int64_t threads = 1;        // CPU threads
  std::int64_t memory_bytes = 0;   // what the process may take; 0: no limit is known
};

struct InferenceParts {
  // Throws InputError if the model cannot be used for these benchmarks.
  std::function<ModelSummary(const ModelConfig&, const std::vector<BenchmarkConfig>&)> check_model;
  // The prompts with more than `most_tokens` tokens.
  std::function<LongPrompts(const ExperimentConfig&, ModelIndex, BenchmarkIndex, std::int64_t most_tokens)>
      find_long_prompts;
  std::function<std::int64_t()> count_gpus;
  std::function<std::unique_ptr<UnitExecutor>(const ExperimentConfig&, const WorkerPlace&)> make_executor;
  // For people: "LibTorch 1.13.1, CPU".
  std::function<std::string(const WorkerPlace&)> describe_device;
  // If given: what records pass through before they are written to that run directory.
  std::function<std::unique_ptr<RecordSink>(std::unique_ptr<RecordSink>, const RunDirectory&)> wrap_sink = {};
};

}  // namespace lacuna
