#include "orchestrator/work_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace lacuna {

std::vector<WorkUnit> make_work_plan(const ExperimentConfig& config,
                                     const std::vector<std::int64_t>& question_counts) {
  if (question_counts.size() != config.benchmarks.size()) {
    throw std::logic_error("make_work_plan: one question count for each benchmark is needed");
  }
  std::vector<StreamKind> streams = {StreamKind::kShared};  // trace, the baseline, always runs
  if (std::count(config.lac.modes.begin(), config.lac.modes.end(), LacMode::kPropagate) > 0) {
    streams.push_back(StreamKind::kPropagate);
  }
  const std::int64_t unit_questions = config.compute.unit_questions;
  std::vector<WorkUnit> units;
  for (std::size_t m = 0; m < config.models.size(); ++m) {
    for (std::size_t b = 0; b < config.benchmarks.size(); ++b) {
      for (const StreamKind stream : streams) {
        for (std::int64_t first = 0; first < question_counts[b]; first += unit_questions) {
          units.push_back({.id = UnitId(fmt::format("{}+{}+{}+{:07}", config.models[m].name,
                                                    config.benchmarks[b].name, to_string(stream), first)),
                           .model = ModelIndex(static_cast<std::int32_t>(m)),
                           .benchmark = BenchmarkIndex(static_cast<std::int32_t>(b)),
                           .stream = stream,
                           .first_question = QuestionIndex(first),
                           .question_count = std::min(unit_questions, question_counts[b] - first)});
        }
      }
    }
  }
  return units;
}

std::int64_t count_questions(const std::vector<WorkUnit>& units) {
  std::int64_t questions = 0;
  for (const WorkUnit& unit : units) questions += unit.question_count;
  return questions;
}

}  // namespace lacuna
