// What more thresholds cost: the engine's Generator, from prompts to answers.
#include <fmt/format.h>

#include <algorithm>

#include "bench/benchmark_run.h"
#include "bench/question_runs.h"
#include "bench/random_questions.h"
#include "bench/stopwatch.h"
#include "worker/engine/memory_budget.h"

namespace lacuna {
namespace {

// All rounds of one setup.
struct Outcome {
  Timings timings;
  Work work;
  double peak_bytes = 0;
};

std::vector<Setup> list_setups(const BenchmarkRun& run) {
  constexpr std::int64_t kPaperThresholds = 9;
  std::vector<Setup> setups;
  for (const std::int64_t thresholds : run.questions.thresholds) {
    for (const ForkPolicy fork : run.questions.forks) {
      if (fork == ForkPolicy::kModel || thresholds == kPaperThresholds) setups.push_back({thresholds, fork});
    }
  }
  return setups;
}

std::string describe(const Setup& setup) {
  return fmt::format("{} threshold{}, forks: {}", setup.thresholds, setup.thresholds == 1 ? "" : "s",
                     to_string(setup.fork));
}

void answer_in_all_setups(const BenchmarkRun& run, const std::vector<Setup>& setups,
                          std::span<const GeneratorPrompt> prompts, std::vector<Outcome>& outcomes) {
  for (std::size_t i = 0; i < setups.size(); ++i) {
    run.meter.sample();
    reset_peak_bytes();
    outcomes[i].timings.seconds.push_back(answer_questions(run, setups[i], prompts, outcomes[i].work));
    outcomes[i].peak_bytes = std::max(outcomes[i].peak_bytes, static_cast<double>(read_peak_bytes()));
  }
}

void report(const BenchmarkRun& run, const Setup& setup, const Outcome& outcome, double single_seconds) {
  const Timings& timings = outcome.timings;
  const Work& work = outcome.work;
  const auto questions = static_cast<double>(run.questions.count);
  run.report({.group = "thresholds",
              .name = describe(setup),
              .value = questions / timings.best(),
              .unit = "questions/s",
              .bound = FigureBound{"both bounds", questions / work.least_seconds},
              .details = {{"seconds_best", timings.best()},
                          {"seconds_median", timings.median()},
                          {"repetitions", timings.seconds.size()},
                          {"questions", run.questions.count},
                          {"new_tokens", run.questions.new_tokens},
                          {"sampling", run.questions.generation.greedy ? "greedy" : "top_p"},
                          {"with_baseline", run.questions.with_baseline},
                          {"thresholds", setup.thresholds},
                          {"forks", to_string(setup.fork)},
                          {"prompt_tokens", work.prompt_tokens},
                          {"decode_steps", work.decode_steps},
                          {"decode_rows", work.decode_rows}}});
  run.report({.group = "thresholds",
              .name = describe(setup) + ", rows decoded",
              .value = static_cast<double>(work.decode_rows) / questions,
              .unit = "a question"});
  if (single_seconds > 0) {
    run.report({.group = "thresholds",
                .name = describe(setup) + ", time of one",
                .value = timings.best() / single_seconds,
                .unit = "times"});
  }
  run.report({.group = "thresholds",
              .name = describe(setup) + ", peak host memory",
              .value = 1e-9 * outcome.peak_bytes,
              .unit = "GB"});
}

}  // namespace

void measure_thresholds(const BenchmarkRun& run) {
  constexpr double kLongSeconds = 300;  // what takes longer is measured once
  const std::vector<GeneratorPrompt> prompts =
      make_random_questions(draw_mmlu_lengths(run.questions.count), run.model.architecture.vocabulary);
  const std::vector<Setup> setups = list_setups(run);
  std::vector<Outcome> outcomes(setups.size());
  // Round after round, so that what disturbs the machine for a while does not fall on one setup alone.
  const double first_round =
      time_once(run.model.device(), [&] { answer_in_all_setups(run, setups, prompts, outcomes); });
  if (first_round < kLongSeconds) answer_in_all_setups(run, setups, prompts, outcomes);
  double single_seconds = 0;
  for (std::size_t i = 0; i < setups.size(); ++i) {
    const bool is_single = setups[i].thresholds == 1 && setups[i].fork == ForkPolicy::kModel;
    if (is_single) single_seconds = outcomes[i].timings.best();
  }
  for (std::size_t i = 0; i < setups.size(); ++i) report(run, setups[i], outcomes[i], single_seconds);
}

}  // namespace lacuna
