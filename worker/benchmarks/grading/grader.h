// From a model's response to a choice. The rules are written out in docs/benchmarks.md, and there is a file
// for each of them.
//
// strict   the model did what it was asked: the answer stands at the start in the form that the prompt asks
// for; lenient  strict and then phrases ("the answer is B"), boxes, brackets and choice texts, but never a
// loose
//          capital from running text.
// Both cut the response at the first end marker of a known family (<|im_end|>, </s>, ...) and trim white
// space.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lacuna {

enum class AnswerKind : std::uint8_t {
  kMultipleChoice,  // "A".."D"
  kBoolean,         // "true", "false"
};

enum class GradingRule : std::uint8_t { kStrict, kLenient };
std::string_view to_string(GradingRule rule);  // "strict", "lenient"
// The reverse; throws InputError that lists the valid names.
GradingRule parse_grading_rule(std::string_view name);

// The choice in `response`: "A".."D" or "true", "false"; empty if there is none. `response` may hold any
// bytes; what is not UTF-8 counts as a character that is no letter. `choices`: the texts of A.. in order,
// used by the lenient multiple-choice rule only; may be empty. Time is linear in the length of response and
// choices.
std::string extract_choice(AnswerKind kind, GradingRule rule, std::string_view response,
                           const std::vector<std::string>& choices = {});

}  // namespace lacuna
