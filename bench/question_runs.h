// Questions answered by the engine's Generator, and what that took.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "bench/benchmark_run.h"
#include "worker/engine/generator.h"

namespace lacuna {

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

// Shared stream, mode exit, thresholds evenly spread between 0 and 1 (one: 0.5).
GeneratorOptions make_generator_options(const QuestionSettings& questions, std::int64_t thresholds);

// What is done with the answers of a unit (`prompts` and `answers` of the same questions); not part of the
// time.
using TakeAnswers =
    std::function<void(std::span<const GeneratorPrompt> prompts, std::vector<GeneratedQuestion>& answers)>;

// Answers all prompts, unit after unit -> seconds that the engine took. `work` is set to what it did.
double answer_questions(const BenchmarkRun& run, const Setup& setup, std::span<const GeneratorPrompt> prompts,
                        Work& work, const TakeAnswers& take = {});

}  // namespace lacuna
