// Questions as long as real ones, of random tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/engine/generator.h"

namespace lacuna {

// Prompt lengths of `count` questions as MMLU's are under the paper's protocol, in a shuffled order that
// depends on `count` alone.
std::vector<std::int64_t> draw_mmlu_lengths(std::int64_t count);

// Questions of these lengths with tokens below `vocabulary`.
std::vector<GeneratorPrompt> make_random_questions(const std::vector<std::int64_t>& lengths,
                                                   std::int64_t vocabulary);

}  // namespace lacuna
