// Reads an experiment file (YAML) and command-line overrides into an ExperimentConfig, and checks every
// value.
//
// Keys (all optional unless marked *):
//   name, output
//   models*:      list of {name*, path*} or of paths of YAML files that hold such a map
//   benchmarks*:  list of {benchmark*, path*, name, protocol, split, subjects, limit, shots, choice_order,
//                 variant, grading, scoring, chat_template} or of paths of YAML files that hold such a map
//   lac*:         {alphas*, modes, norm_precision}
//   generation:   {sampling, temperature, top_p, max_new_tokens, seed, begin_token}
//   compute:      {dtype, device, threads, unit_questions, batch_tokens, memory_share, ...}
//   store:        {norms, author_json}
//
// Paths in a YAML file are relative to that file; paths in an override, and `output` wherever it stands, are
// relative to the current directory. `~/` and `${VARIABLE}` are expanded in paths.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/experiment_config.h"

namespace lacuna {

struct ExperimentReadOptions {
  // The values that `benchmark:` may take; empty: any (core does not know the registered benchmarks).
  std::vector<std::string> benchmark_kinds = {};
  // Whether model directories and benchmark files must exist.
  bool require_paths = true;
};

// `overrides` are "dotted.key=value" arguments, applied in order after the file was read; the value is YAML
// ("lac.alphas=[0.2, 0.4]", "models.0.path=/data/llama"). Throws InputError with file:line:column, or with
// the argument's text, for the first problem found: no such file, not YAML, unknown or repeated key, wrong
// type, value out of range, repeated name, missing path. Reads nothing but YAML files.
ExperimentConfig read_experiment(const std::filesystem::path& file,
                                 const std::vector<std::string>& overrides = {},
                                 const ExperimentReadOptions& options = {});

}  // namespace lacuna
