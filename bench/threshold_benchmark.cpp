// What more thresholds cost: the engine's Generator, from prompts to answers.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bench/benchmark_run.h"
#include "bench/model_passes.h"
#include "bench/process_memory.h"
#include "bench/random_questions.h"
#include "bench/stopwatch.h"

namespace lacuna {
namespace {

// One way to answer all questions.
struct Setup {
  std::int64_t thresholds = 1;
  ForkPolicy fork = ForkPolicy::kModel;
};

// What went through the model, read off the answers, and what that takes at the machine's best.
struct Work {
  std::int64_t prompt_tokens = 0;
  std::int64_t decode_steps = 0;
  std::int64_t decode_rows = 0;  // branches with the same tokens so far are one row
  double least_seconds = 0;
};

// All rounds of one setup.
struct Outcome {
  Timings timings;
  Work work;
  double peak_bytes = 0;
};

GeneratorOptions make_options(const BenchmarkRun& run, std::int64_t thresholds) {
  GeneratorOptions options{.stream = StreamKind::kShared,
                           .branches = {},
                           .alphas = {},
                           .norm_precision = NormPrecision::kModel,
                           .max_new_tokens = run.questions.new_tokens,
                           .stop_tokens = {},
                           .keep_logits = false,
                           .batch_tokens = run.questions.batch_tokens};
  if (run.questions.with_baseline)
    options.branches.push_back({.mode = LacMode::kTrace, .alpha = std::nullopt});
  for (std::int64_t i = 0; i < thresholds; ++i) {
    options.alphas.push_back(static_cast<double>(i + 1) / static_cast<double>(thresholds + 1));
    options.branches.push_back({.mode = LacMode::kExit, .alpha = AlphaIndex(static_cast<std::int32_t>(i))});
  }
  return options;
}

// Rows of one question in the step that feeds token `step` of the answers.
std::int64_t count_lanes(const GeneratedQuestion& question, std::int64_t step) {
  std::set<std::vector<TokenId>> histories;
  for (const Branch& branch : question.branches) {
    // The last token is never fed.
    if (static_cast<std::int64_t>(branch.tokens.size()) <= step + 1) continue;
    histories.emplace(branch.tokens.begin(), branch.tokens.begin() + step + 1);
  }
  return static_cast<std::int64_t>(histories.size());
}

// Adds the work of the questions that were answered together.
void add_work(const BenchmarkRun& run, std::span<const GeneratorPrompt> prompts,
              std::span<const GeneratedQuestion> questions, Work& work) {
  const Architecture& shape = run.model.architecture;
  const MachineBounds& bounds = run.meter.best();
  std::vector<std::int64_t> lengths;
  for (const GeneratorPrompt& prompt : prompts) {
    lengths.push_back(static_cast<std::int64_t>(prompt.token_ids.size()));
    work.prompt_tokens += lengths.back();
  }
  work.least_seconds += count_prompt_flops(shape, lengths) / bounds.flops_per_second;
  for (std::int64_t step = 0; step + 1 < run.questions.new_tokens; ++step) {
    DecodeLoad load;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const std::int64_t lanes = count_lanes(questions[i], step);
      if (lanes == 0) continue;
      load.rows += lanes;
      load.cached_tokens += lengths[i] + lanes * (step + 1);
      load.seen_tokens += lanes * (lengths[i] + step + 1);
    }
    work.least_seconds += find_decode_bound(run, load).seconds;
    work.decode_rows += load.rows;
    ++work.decode_steps;
  }
}

// -> seconds that the engine took. `work`: set to what it did.
double answer_all(const BenchmarkRun& run, const Setup& setup, std::span<const GeneratorPrompt> prompts,
                  Work& work) {
  ForkingChooser chooser(setup.fork);
  Generator generator(run.model, chooser, make_options(run, setup.thresholds));
  work = {};
  double seconds = 0;
  const auto unit = static_cast<std::size_t>(run.questions.per_unit);
  for (std::size_t first = 0; first < prompts.size(); first += unit) {
    const auto part = prompts.subspan(first, std::min(unit, prompts.size() - first));
    std::vector<GeneratedQuestion> questions;
    seconds += time_once(run.model.device(), [&] { questions = generator.generate(part); });
    add_work(run, part, questions, work);
  }
  return seconds;
}

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
    reset_peak_memory();
    outcomes[i].timings.seconds.push_back(answer_all(run, setups[i], prompts, outcomes[i].work));
    outcomes[i].peak_bytes = std::max(outcomes[i].peak_bytes, peak_memory_bytes());
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
                          {"with_baseline", run.questions.with_baseline},
                          {"thresholds", setup.thresholds},
                          {"forks", to_string(setup.fork)},
                          {"prompt_tokens", work.prompt_tokens},
                          {"decode_steps", work.decode_steps},
                          {"decode_rows", work.decode_rows}}});
  run.report({.group = "thresholds",
              .name = "  rows fed in decoding",
              .value = static_cast<double>(work.decode_rows) / questions,
              .unit = "a question"});
  if (single_seconds > 0) {
    run.report({.group = "thresholds",
                .name = "  time relative to one threshold",
                .value = timings.best() / single_seconds,
                .unit = "times"});
  }
  run.report({.group = "thresholds",
              .name = "  peak memory of the host",
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
