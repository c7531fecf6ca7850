// Words that stand for true and false.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lacuna::grading {

struct BooleanWord {
  std::string_view word;   // lower case
  std::string_view value;  // "true" or "false"
};

inline constexpr std::array<BooleanWord, 2> kTrueFalse = {{{"true", "true"}, {"false", "false"}}};
inline constexpr std::array<BooleanWord, 2> kYesNo = {{{"yes", "true"}, {"no", "false"}}};

// The value of one of `words` at `position`, in any case; none if a letter or digit follows, or (behind
// closing marks and spaces) a slash or the word "or": then it is one of two.
std::optional<std::string> read_boolean_word(std::string_view text, std::size_t position,
                                             std::span<const BooleanWord> words);

}  // namespace lacuna::grading
