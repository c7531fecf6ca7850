// The manifest of a run: what was asked for, of which data, and on which machine.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "core/work_unit.h"

namespace lacuna {

struct RunManifest {
  std::string experiment;                     // the experiment's name
  std::vector<std::string> models;            // names; WorkUnit::model counts in this list
  std::vector<std::string> benchmarks;        // names; WorkUnit::benchmark counts in this list
  std::vector<std::vector<Scoring>> scoring;  // of each benchmark
  std::vector<double> alphas;
  std::vector<LacMode> modes;   // those asked for; trace always runs besides
  bool norms = true;            // whether norms are stored
  std::vector<WorkUnit> units;  // the whole plan, in plan order
  // Of config and content, as StartWork carries it; every part repeats it. May be empty.
  std::string fingerprint;
  // The resolved config (core/experiment_json.h).
  nlohmann::json config = nlohmann::json::object();
  // Content hashes of model files and data, by the caller's layout. May be empty.
  nlohmann::json content = nlohmann::json::object();
  // Versions, devices, host names, ranks, times, directories: whatever may differ between equal runs.
  nlohmann::json environment = nlohmann::json::object();
};

// Fills names, alphas, modes, norms and `config` from a resolved config.
RunManifest make_manifest(const ExperimentConfig& config, std::vector<WorkUnit> plan);

// "scoring" is left out where all benchmarks only generate, as in manifests of older versions.
nlohmann::json to_json(const RunManifest& manifest);
// Throws InputError: wrong types, unknown format version, unit ids that are doubled or no safe file names,
// units that refer to a model or benchmark that is not listed.
RunManifest parse_manifest(const nlohmann::json& json);

// What two runs with equal results have in common: without the environment and what the config's fingerprint
// leaves out (name, output, threads, paths).
nlohmann::json comparable_manifest(const RunManifest& manifest);

}  // namespace lacuna
