// Texts of prompts that several benchmarks share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/benchmarks/benchmark.h"

namespace lacuna {

// "A" for 0, "B" for 1, ...
std::string choice_letter(std::size_t position);

// The user message of the released code of arXiv 2505.14467 for MMLU and GPQA. Its odd indentation is that of
// the source code it was written in: four spaces stand before the first line of an inserted text only.
std::string write_paper_choices_message(std::string_view question, const std::vector<std::string>& choices);

// The letters "A", "B", ... as continuations; `form` writes one of them: "{}", " {}", " ({})". ASCII.
std::vector<Continuation> list_letter_continuations(std::size_t count, std::string_view form);

}  // namespace lacuna
