// Everything that can be known and found wrong before a model is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/sweep/engine_placement.h"
#include "apps/sweep/inference_parts.h"
#include "core/experiment_config.h"
#include "core/keep_alive.h"
#include "core/work_unit.h"

namespace lacuna {

struct SweepRequest {
  std::filesystem::path experiment_file;
  std::vector<std::string> overrides;  // "dotted.key=value"
  EnginePlacement engine = EnginePlacement::kAutomatic;
};

struct PreparedSweep {
  ExperimentConfig config;
  std::vector<ModelSummary> models;           // as config.models
  std::vector<std::int64_t> question_counts;  // as config.benchmarks
  std::vector<WorkUnit> plan;
  std::vector<std::string> warnings;  // "benchmark: what to know", one sentence each; also of
                                      // models that a benchmark's prompts are too long for
};

// Reads the experiment, opens every benchmark and checks every model directory. Throws InputError.
PreparedSweep prepare_sweep(const SweepRequest& request, const InferenceParts& inference);

// What the results depend on besides the config: {"models": {name: {file: hash}}, "benchmarks": {...}}. Reads
// all of these files; `announce` gets a sentence if that is going to take a while, `keep_alive` is called
// meanwhile.
nlohmann::json hash_content(const PreparedSweep& sweep,
                            const std::function<void(const std::string&)>& announce,
                            const KeepAlive& keep_alive = {});

// Names all that two runs must share to share a run directory.
std::string compute_fingerprint(const ExperimentConfig& config, const nlohmann::json& content);

}  // namespace lacuna
