// Times of the engine's plain passes: for our own figures, and for those beside other programs'.
#pragma once

#include <nlohmann/json.hpp>

#include "bench/model_passes.h"
#include "bench/stopwatch.h"

namespace lacuna {

inline constexpr std::int64_t kDecodeContext = 128;  // tokens that each decoded sequence sees at first

// Each after one pass that warms up.
Timings time_prompts(const CausalLm& model, const PromptBatch& batch, const RepetitionRule& rule);
// Steps of `rows` sequences that are decoded together.
Timings time_decode(const CausalLm& model, std::int64_t rows, const RepetitionRule& rule);

// {"seconds_best", "seconds_median", "repetitions"}, a figure's details.
nlohmann::json describe(const Timings& timings);

}  // namespace lacuna
