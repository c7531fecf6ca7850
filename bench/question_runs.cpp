#include "bench/question_runs.h"

#include <algorithm>
#include <set>

#include "bench/stopwatch.h"

namespace lacuna {
namespace {

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

}  // namespace

GeneratorOptions make_generator_options(const QuestionSettings& questions, std::int64_t thresholds) {
  GeneratorOptions options{.stream = StreamKind::kShared,
                           .branches = {},
                           .alphas = {},
                           .norm_precision = NormPrecision::kModel,
                           .max_new_tokens = questions.new_tokens,
                           .stop_tokens = {},
                           .keep_logits = false,
                           .batch_tokens = questions.batch_tokens};
  if (questions.with_baseline) options.branches.push_back({.mode = LacMode::kTrace, .alpha = std::nullopt});
  for (std::int64_t i = 0; i < thresholds; ++i) {
    options.alphas.push_back(static_cast<double>(i + 1) / static_cast<double>(thresholds + 1));
    options.branches.push_back({.mode = LacMode::kExit, .alpha = AlphaIndex(static_cast<std::int32_t>(i))});
  }
  return options;
}

double answer_questions(const BenchmarkRun& run, const Setup& setup, std::span<const GeneratorPrompt> prompts,
                        Work& work, const TakeAnswers& take) {
  ForkingChooser chooser(setup.fork, make_token_chooser(run.questions.generation));
  Generator generator(run.model, chooser, make_generator_options(run.questions, setup.thresholds));
  work = {};
  double seconds = 0;
  const auto unit = static_cast<std::size_t>(run.questions.per_unit);
  for (std::size_t first = 0; first < prompts.size(); first += unit) {
    const auto part = prompts.subspan(first, std::min(unit, prompts.size() - first));
    std::vector<GeneratedQuestion> questions;
    seconds += time_once(run.model.device(), [&] { questions = generator.generate(part); });
    add_work(run, part, questions, work);
    if (take) take(part, questions);
  }
  return seconds;
}

}  // namespace lacuna
