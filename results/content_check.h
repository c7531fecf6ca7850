// Whether the groups of a part or store say what the plan asks for, and agree with each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "core/records.h"
#include "results/hdf5_file.h"

namespace lacuna {

// What a sweep (a model x benchmark pair) of a part or store has to hold.
struct ExpectedSweep {
  std::string group;                    // /results/<model>/<benchmark>
  std::vector<std::int64_t> shared;     // the questions of trace and exit, rising
  std::vector<std::int64_t> propagate;  // the questions of propagate, rising
  bool has_exit = false;                // whether exit was asked for
  std::vector<double> alphas;
  bool norms = true;
  std::vector<Scoring> scoring = {Scoring::kGenerate};  // without kGenerate every mode has 0 responses

  [[nodiscard]] bool asks_for(Scoring wanted) const;
};

// Checks the scales; every question exactly once, and in each mode exactly once per threshold where the mode
// has thresholds; every column's presence, type and shape; offsets that rise from 0 to the number of rows; as
// many rows as there are tokens; answers and stop reasons in range; where log-likelihoods were asked for, and
// only there, the scores of each mode: finite, of at least one continuation and token each. One sentence a
// problem, at most 20; empty if all is well. Reads all but norms and decisions. Groups that it does not know
// are left alone.
std::vector<std::string> find_content_problems(const Hdf5File& file, const ExpectedSweep& sweep);

}  // namespace lacuna
