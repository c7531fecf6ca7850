// The JSON layout of the paper author's released code, for people who have scripts for it.
//
// Batch size 1. pp_phase [1][1][S][1 + L]: token id, then 1 active, 0 void for every layer; rg_phase
// [T][1][1][1 + L]: row t pairs the decisions of the pass that was fed r_t with token r_(t+1), as the author
// records it; so r_0 appears nowhere. prompt_l2 [1][L][1][S], response_l2 [T][L][1][1]: norms after every
// layer (no embedding). Before them: question, subject (if not empty), prompt (messages), true_answer,
// model_answer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/records.h"

namespace lacuna {

// The JSON text of one response, indented by 2. `response` is one of `question.responses`; `pp` is the prompt
// trace that belongs to it and `pp_alpha`, `rg_alpha` the positions of the threshold in `pp` and
// `response.rg`. Uses question.author_texts and response.author_answer; without them the texts fall back on
// the question's id, an empty prompt, the gold choice and the response text.
std::string render_author_json(const QuestionRecord& question, const ResponseRecord& response,
                               const TraceRows& pp, std::int64_t pp_alpha, std::int64_t rg_alpha);

}  // namespace lacuna
