// Last lenient rule: the text of a choice.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lacuna::grading {

// The letter of the one choice whose text (trimmed, case ignored) occurs in `text` as a whole: not inside a
// longer word or number. Empty if none or several occur, or if every occurrence is negated ("not Paris").
std::string find_choice_text(std::string_view text, const std::vector<std::string>& choices);

}  // namespace lacuna::grading
