// Cuts an experiment into work units: models x benchmarks x kinds of stream x runs of consecutive questions.
//
// The plan follows from the config and the number of questions alone, never from who computes it, so that any
// number of workers makes the same parts and a run can be resumed anywhere.
#pragma once

#include <cstdint>
#include <vector>

#include "core/experiment_config.h"
#include "core/work_unit.h"

namespace lacuna {

// `question_counts`: of each benchmark of the config, in its order. Units come by model, then benchmark, then
// stream (shared; then propagate if the config asks for that mode), then question. The id is
// "<model>+<benchmark>+<stream>+<first question, 7 digits>": a safe file name, as names have no '+'.
std::vector<WorkUnit> make_work_plan(const ExperimentConfig& config,
                                     const std::vector<std::int64_t>& question_counts);

// Questions of all units together (a question counts once for each model and kind of stream).
std::int64_t count_questions(const std::vector<WorkUnit>& units);

}  // namespace lacuna
