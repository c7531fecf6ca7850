#include "worker/benchmarks/grading/choice_text.h"

#include "worker/benchmarks/grading/letter_context.h"
#include "worker/benchmarks/grading/response_text.h"
#include "worker/benchmarks/unicode_text.h"

namespace lacuna::grading {
namespace {

bool is_digit_at(std::string_view text, std::size_t position) {
  return position < text.size() && text[position] >= '0' && text[position] <= '9';
}

// Punctuation that makes one number of two: "0.5", "3,000", "1/2".
bool joins_digits(char c) {
  return c == '.' || c == ',' || c == '/';
}

bool begins_inside(std::string_view text, std::size_t start) {
  if (start == 0) return false;
  if (word_at(text, start) && word_before(text, start)) return true;
  if (!is_digit_at(text, start)) return false;
  const char before = text[start - 1];
  if (joins_digits(before) && start >= 2 && is_digit_at(text, start - 2)) return true;
  const bool sign = before == '-' || text.substr(0, start).ends_with("\xE2\x88\x92");  // U+2212
  if (sign) return !word_before(text, start - (before == '-' ? 1 : 3));
  return before == '.';  // ".5"
}

bool ends_inside(std::string_view text, std::size_t end) {
  if (word_before(text, end) && word_at(text, end)) return true;
  return end > 0 && is_digit_at(text, end - 1) && end < text.size() && joins_digits(text[end]) &&
         is_digit_at(text, end + 1);
}

// All positions of `pattern` in `text` are offered to `take` until it returns true (Knuth, Morris, Pratt
// 1977: a response of one letter a million times must not cost more than any other).
template <class Take>
bool any_occurrence(std::string_view text, std::string_view pattern, Take take) {
  std::vector<std::size_t> border(pattern.size() + 1, 0);
  for (std::size_t i = 1, length = 0; i < pattern.size(); ++i) {
    while (length > 0 && pattern[i] != pattern[length]) length = border[length];
    if (pattern[i] == pattern[length]) ++length;
    border[i + 1] = length;
  }
  for (std::size_t i = 0, length = 0; i < text.size(); ++i) {
    while (length > 0 && (length == pattern.size() || text[i] != pattern[length])) length = border[length];
    if (text[i] == pattern[length]) ++length;
    if (length == pattern.size() && take(i + 1 - length)) return true;
  }
  return false;
}

}  // namespace

std::string find_choice_text(std::string_view text, const std::vector<std::string>& choices) {
  const std::string lower_text = to_lower(text);
  std::string found;
  bool affirmed = false;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const std::string choice = to_lower(trim_white_space(choices[i]));
    if (choice.empty()) continue;
    bool occurs = false;
    const bool said = any_occurrence(lower_text, choice, [&](std::size_t start) {
      if (begins_inside(lower_text, start) || ends_inside(lower_text, start + choice.size())) return false;
      occurs = true;
      return !is_rejected_before(lower_text, start);
    });
    if (!occurs) continue;
    if (!found.empty()) return {};
    found.assign(1, static_cast<char>('A' + i));
    affirmed = said;
  }
  return affirmed ? found : std::string();
}

}  // namespace lacuna::grading
