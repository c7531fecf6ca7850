#include "bench/random_questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "bench/random_model.h"

namespace lacuna {
namespace {

struct LengthQuantile {
  double share = 0;
  double tokens = 0;
};

// Of 8,275 of MMLU's 14,042 test questions, in tokens of Qwen2.5 with its chat template; 163 on average.
// Between these points the lengths are taken to be spread evenly, which gives 165.
constexpr std::array<LengthQuantile, 10> kMmluLengths = {{{0, 66},
                                                          {0.1, 85},
                                                          {0.25, 96},
                                                          {0.5, 127},
                                                          {0.7, 159},
                                                          {0.8, 227},
                                                          {0.9, 308},
                                                          {0.95, 370},
                                                          {0.99, 528},
                                                          {1, 809}}};

std::int64_t mmlu_length_at(double share) {
  std::size_t upper = 1;
  while (kMmluLengths[upper].share < share) ++upper;
  const LengthQuantile& from = kMmluLengths[upper - 1];
  const LengthQuantile& to = kMmluLengths[upper];
  return std::lround(std::lerp(from.tokens, to.tokens, (share - from.share) / (to.share - from.share)));
}

}  // namespace

std::vector<std::int64_t> draw_mmlu_lengths(std::int64_t count) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < count; ++i) {
    lengths.push_back(mmlu_length_at((static_cast<double>(i) + 0.5) / static_cast<double>(count)));
  }
  std::shuffle(lengths.begin(), lengths.end(), std::mt19937_64(static_cast<std::uint64_t>(count)));
  return lengths;
}

std::vector<GeneratorPrompt> make_random_questions(const std::vector<std::int64_t>& lengths,
                                                   std::int64_t vocabulary) {
  std::vector<GeneratorPrompt> prompts;
  for (const std::int64_t length : lengths) {
    const auto seed = static_cast<std::uint64_t>(prompts.size());
    prompts.push_back({.question = QuestionId(fmt::format("random/{}", prompts.size())),
                       .token_ids = draw_tokens(vocabulary, length, seed)});
  }
  return prompts;
}

}  // namespace lacuna
