// The resolved experiment as JSON: what the manifest holds, what workers are sent, and what two runs must
// have in common to share a run directory.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/experiment_config.h"

namespace lacuna {

// Every value, defaults included; the keys are those of the YAML file. Dump it without indentation for the
// canonical text: keys sorted, shortest digits that read back to the same double.
nlohmann::json to_json(const ExperimentConfig& config);

// The reverse; throws InputError if a key is missing or of a wrong type.
ExperimentConfig experiment_from_json(std::string_view text);

// The part of to_json that numbers depend on. Left out: the experiment's name, `output`, `compute.threads`,
// and the paths of models and benchmarks (the hashes of their content stand for them).
nlohmann::json fingerprint_document(const ExperimentConfig& config);

// "lac.alphas: [0.1,0.2] in A, [0.1] in B" for every leaf that differs, in key order, at most `limit` lines.
// Objects are compared key by key, lists element by element when they have the same length.
std::vector<std::string> describe_differences(const nlohmann::json& a, const nlohmann::json& b,
                                              std::string_view name_of_a, std::string_view name_of_b,
                                              std::size_t limit = 8);

}  // namespace lacuna
