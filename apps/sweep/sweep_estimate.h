// What a sweep will take, before it is started: for `lacuna plan`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "apps/sweep/sweep_preparation.h"

namespace lacuna {

// One model on one benchmark.
struct PairEstimate {
  std::string model;
  std::string benchmark;
  std::int64_t units = 0;
  std::int64_t questions = 0;
  double prompt_tokens = 0;   // of all questions, one pass each; estimated from a sample
  double longest_prompt = 0;  // of the sample
  double prompt_passes = 0;   // tokens that go through the model in prompt passes, all streams
  double most_response_tokens =
      0;                   // generated: if every answer is as long as it may be and no two share a pass
  double store_bytes = 0;  // at most, compressed as usual
};

struct ModelEstimate {
  std::string model;
  double weight_bytes = 0;  // in memory, in compute.dtype
  double cache_bytes = 0;   // keys and values of the largest batch, at most
};

struct SweepEstimate {
  std::vector<PairEstimate> pairs;    // by model, then benchmark
  std::vector<ModelEstimate> models;  // memory of a worker that has this model loaded
};

// Prompt tokens of a question.
using CountPromptTokens = std::function<std::int64_t(ModelIndex, BenchmarkIndex, QuestionIndex)>;

// Counts the prompt tokens of at most `sample` questions of each pair, evenly spread.
SweepEstimate estimate_sweep(const PreparedSweep& sweep, const CountPromptTokens& count_prompt_tokens,
                             std::int64_t sample = 64);

// For people: tables, sums, warnings.
std::string render_estimate(const PreparedSweep& sweep, const SweepEstimate& estimate);

}  // namespace lacuna
