#include "apps/sweep/sweep_estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/records.h"

namespace lacuna {
namespace {

// shuffle + deflate on norms that come from 16-bit states; decisions compress further.
constexpr double kCompression = 2;

double bytes_per_value(DataType dtype) {
  return dtype == DataType::kFloat32 ? 4 : 2;
}

bool asks_for(const LacConfig& lac, LacMode mode) {
  return std::count(lac.modes.begin(), lac.modes.end(), mode) > 0;
}

// Stored for the comparison of a question's choices under one mode and threshold: about four continuations.
constexpr double kScoreBytes = 4 * 40 + 40;

// Answers (or comparisons of choices) that each question gets: trace once, the other modes once a threshold.
double answers_per_question(const LacConfig& lac) {
  const auto alphas = static_cast<double>(lac.alphas.size());
  return 1 + alphas * (asks_for(lac, LacMode::kExit) ? 1 : 0) +
         alphas * (asks_for(lac, LacMode::kPropagate) ? 1 : 0);
}

// Stored for one token in one phase, before compression: norms once, decisions for every threshold.
double trace_bytes_per_token(const ExperimentConfig& config, std::int64_t layers, double alphas) {
  const double norms = config.store.norms ? static_cast<double>(layers + 1) * sizeof(float) : 0;
  return norms + alphas * static_cast<double>(packed_layer_bytes(layers)) + sizeof(std::int32_t);
}

struct PromptSample {
  double mean = 0;
  double longest = 0;
};

PromptSample sample_prompts(std::int64_t questions, std::int64_t sample,
                            const std::function<std::int64_t(QuestionIndex)>& count_tokens) {
  PromptSample result;
  const std::int64_t taken = std::min(questions, std::max<std::int64_t>(1, sample));
  for (std::int64_t i = 0; i < taken; ++i) {
    const auto tokens = static_cast<double>(count_tokens(QuestionIndex(i * questions / taken)));
    result.mean += tokens / static_cast<double>(taken);
    result.longest = std::max(result.longest, tokens);
  }
  return result;
}

PairEstimate estimate_pair(const PreparedSweep& sweep, std::size_t model, std::size_t benchmark,
                           const PromptSample& sample) {
  const ExperimentConfig& config = sweep.config;
  const std::int64_t layers = sweep.models[model].layers;
  const auto alphas = static_cast<double>(config.lac.alphas.size());
  PairEstimate pair;
  pair.model = config.models[model].name;
  pair.benchmark = config.benchmarks[benchmark].name;
  pair.questions = sweep.question_counts[benchmark];
  pair.units = std::count_if(sweep.plan.begin(), sweep.plan.end(), [&](const WorkUnit& unit) {
    return unit.model.value() == static_cast<std::int32_t>(model) &&
           unit.benchmark.value() == static_cast<std::int32_t>(benchmark);
  });
  const auto questions = static_cast<double>(pair.questions);
  pair.prompt_tokens = questions * sample.mean;
  pair.longest_prompt = sample.longest;
  const double propagate_streams = asks_for(config.lac, LacMode::kPropagate) ? alphas : 0;
  pair.prompt_passes = pair.prompt_tokens * (1 + propagate_streams);
  const bool generates = config.benchmarks[benchmark].asks_for(Scoring::kGenerate);
  const double response = generates ? static_cast<double>(config.generation.max_new_tokens) : 0;
  pair.most_response_tokens = questions * response * answers_per_question(config.lac);

  const double shared_prompt = pair.prompt_tokens * trace_bytes_per_token(config, layers, alphas);
  const double propagate_prompt =
      pair.prompt_tokens * propagate_streams * trace_bytes_per_token(config, layers, 1);
  const double trace_answers = questions * response * trace_bytes_per_token(config, layers, alphas);
  const double other_answers =
      (pair.most_response_tokens - questions * response) * trace_bytes_per_token(config, layers, 1);
  const bool compares = config.benchmarks[benchmark].asks_for(Scoring::kLoglik);
  const double scores = compares ? questions * answers_per_question(config.lac) * kScoreBytes : 0;
  pair.store_bytes =
      (shared_prompt + propagate_prompt + trace_answers + other_answers + scores) / kCompression;
  return pair;
}

ModelEstimate estimate_model(const PreparedSweep& sweep, std::size_t model, double longest_prompt) {
  const ExperimentConfig& config = sweep.config;
  const ModelSummary& summary = sweep.models[model];
  const double value_bytes = bytes_per_value(config.compute.dtype);
  const auto unit_questions = static_cast<double>(config.compute.unit_questions);
  // All questions of a unit are generated together; every answer may have tokens of its own.
  const double streams =
      asks_for(config.lac, LacMode::kPropagate) ? static_cast<double>(config.lac.alphas.size()) : 1;
  const double answers = 1 + static_cast<double>(config.lac.alphas.size());
  const double cached_tokens =
      unit_questions *
      (longest_prompt * streams + static_cast<double>(config.generation.max_new_tokens) * answers);
  return {.model = config.models[model].name,
          .weight_bytes = static_cast<double>(summary.parameters) * value_bytes,
          .cache_bytes = cached_tokens * static_cast<double>(summary.cache_values_per_token) * value_bytes};
}

std::string format_bytes(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 100 ? 0 : 1, kUnits[unit]);
}

std::string format_count(double count) {
  if (count < 1e4) return fmt::format("{:.0f}", count);
  if (count < 1e7) return fmt::format("{:.0f} k", count / 1e3);
  return fmt::format("{:.1f} M", count / 1e6);
}

}  // namespace

SweepEstimate estimate_sweep(const PreparedSweep& sweep, const CountPromptTokens& count_prompt_tokens,
                             std::int64_t sample) {
  SweepEstimate estimate;
  for (std::size_t m = 0; m < sweep.models.size(); ++m) {
    double longest = 0;
    for (std::size_t b = 0; b < sweep.question_counts.size(); ++b) {
      const PromptSample prompts =
          sample_prompts(sweep.question_counts[b], sample, [&](QuestionIndex question) {
            return count_prompt_tokens(ModelIndex(static_cast<std::int32_t>(m)),
                                       BenchmarkIndex(static_cast<std::int32_t>(b)), question);
          });
      longest = std::max(longest, prompts.longest);
      estimate.pairs.push_back(estimate_pair(sweep, m, b, prompts));
    }
    estimate.models.push_back(estimate_model(sweep, m, longest));
  }
  return estimate;
}

std::string render_estimate(const PreparedSweep& sweep, const SweepEstimate& estimate) {
  const ExperimentConfig& config = sweep.config;
  std::string text = fmt::format("experiment {}: {} models x {} benchmarks x {} thresholds, {} units\n\n",
                                 config.name, config.models.size(), config.benchmarks.size(),
                                 config.lac.alphas.size(), sweep.plan.size());
  text += fmt::format("{:<28} {:<16} {:>7} {:>10} {:>14} {:>8} {:>12} {:>15} {:>11}\n", "model", "benchmark",
                      "units", "questions", "prompt tokens", "longest", "in passes", "responses up to",
                      "store up to");
  PairEstimate sum;
  for (const PairEstimate& pair : estimate.pairs) {
    text += fmt::format("{:<28} {:<16} {:>7} {:>10} {:>14} {:>8.0f} {:>12} {:>15} {:>11}\n", pair.model,
                        pair.benchmark, pair.units, pair.questions, format_count(pair.prompt_tokens),
                        pair.longest_prompt, format_count(pair.prompt_passes),
                        format_count(pair.most_response_tokens), format_bytes(pair.store_bytes));
    sum.units += pair.units;
    sum.questions += pair.questions;
    sum.prompt_tokens += pair.prompt_tokens;
    sum.prompt_passes += pair.prompt_passes;
    sum.most_response_tokens += pair.most_response_tokens;
    sum.store_bytes += pair.store_bytes;
  }
  text +=
      fmt::format("{:<28} {:<16} {:>7} {:>10} {:>14} {:>8} {:>12} {:>15} {:>11}\n\n", "all", "", sum.units,
                  sum.questions, format_count(sum.prompt_tokens), "", format_count(sum.prompt_passes),
                  format_count(sum.most_response_tokens), format_bytes(sum.store_bytes));
  text += "memory of a worker:\n";
  for (const ModelEstimate& model : estimate.models) {
    text += fmt::format("  {:<26} weights {} ({}), cache up to {}\n", model.model,
                        format_bytes(model.weight_bytes), to_string(config.compute.dtype),
                        format_bytes(model.cache_bytes));
  }
  text += fmt::format("disk: up to {} in {}; twice that while the parts are merged into the store\n",
                      format_bytes(sum.store_bytes), config.output.string());
  for (const std::string& warning : sweep.warnings) text += "warning: " + warning + "\n";
  return text;
}

}  // namespace lacuna
