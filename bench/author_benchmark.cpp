// Nine thresholds in one run against nine runs of a stand-in for the author's scripts (author_procedure.py),
// on the same machine in the same run.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "bench/benchmark_run.h"
#include "bench/question_runs.h"
#include "bench/random_questions.h"
#include "bench/script_output.h"
#include "bench/stopwatch.h"

namespace lacuna {
namespace {

constexpr double kThresholds = 9;
constexpr double kTarget = 25;

nlohmann::json describe(const BenchmarkRun& run, const std::vector<std::int64_t>& lengths) {
  const Architecture& shape = run.model.architecture;
  return {{"layers", shape.layers},
          {"hidden", shape.hidden},
          {"heads", shape.heads},
          {"kv_heads", shape.kv_heads},
          {"head_dim", shape.head_dim},
          {"intermediate", shape.intermediate},
          {"vocabulary", shape.vocabulary},
          {"tied_head", shape.tied_head},
          {"qkv_bias", shape.qkv_bias},
          {"rope_theta", shape.rope_theta},
          {"epsilon", shape.rms_norm_epsilon},
          {"dtype", to_string(run.dtype)},
          {"device", run.model.device().is_cpu() ? "cpu" : "cuda"},
          {"threads", run.threads},
          {"new_tokens", run.questions.new_tokens},
          {"alpha", 0.8},
          {"prompt_lengths", lengths}};
}

// What the script printed. It inherits the policy for waiting threads that we run under ourselves: spinning
// threads would cost it more wherever the cores are shared.
nlohmann::json run_procedure(const BenchmarkRun& run, const std::vector<std::int64_t>& lengths) {
  const std::string command =
      fmt::format("{} {} {}", quote_for_shell(run.python), quote_for_shell(LACUNA_AUTHOR_PROCEDURE),
                  quote_for_shell(describe(run, lengths).dump()));
  return read_script_output(command,
                            {.problem = fmt::format("'{}' {} failed", run.python, LACUNA_AUTHOR_PROCEDURE),
                             .why = "it needs PyTorch",
                             .suggestion = "install python3-torch, or give --python one that has it"});
}

double time_nine_thresholds(const BenchmarkRun& run) {
  const std::vector<GeneratorPrompt> prompts =
      make_random_questions(draw_mmlu_lengths(run.questions.count), run.model.architecture.vocabulary);
  Work work;
  return answer_questions(run, {.thresholds = static_cast<std::int64_t>(kThresholds)}, prompts, work);
}

}  // namespace

void measure_against_author(const BenchmarkRun& run) {
  constexpr std::int64_t kMostQuestions = 32;  // a second and more each
  const std::vector<std::int64_t> lengths = draw_mmlu_lengths(std::min(run.questions.count, kMostQuestions));
  // Ours before and after, and the mean of both: theirs is no best of several either.
  const double before = time_nine_thresholds(run);
  const nlohmann::json theirs = run_procedure(run, lengths);
  const double ours = (before + time_nine_thresholds(run)) / 2 / static_cast<double>(run.questions.count);
  const auto questions = static_cast<double>(lengths.size());
  const double seconds = theirs.at("seconds").get<double>() / questions;
  run.report({.group = "author",
              .name = "stand-in, prompt passes",
              .value = theirs.at("prompt_tokens").get<double>() / theirs.at("prompt_seconds").get<double>(),
              .unit = "tokens/s"});
  run.report(
      {.group = "author",
       .name = "stand-in, response passes",
       .value = theirs.at("response_tokens").get<double>() / theirs.at("response_seconds").get<double>(),
       .unit = "tokens/s"});
  run.report({.group = "author",
              .name = "stand-in, a question at one threshold",
              .value = seconds,
              .unit = "s",
              .details = {{"questions", lengths.size()}, {"json_bytes", theirs.at("json_bytes")}}});
  run.report({.group = "author", .name = "ours, a question at nine thresholds", .value = ours, .unit = "s"});
  run.report({.group = "author",
              .name = "nine thresholds, faster than the stand-in",
              .value = kThresholds * seconds / ours,
              .unit = "times",
              .bound = FigureBound{"target", kTarget}});
}

}  // namespace lacuna
