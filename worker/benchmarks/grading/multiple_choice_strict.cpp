#include "worker/benchmarks/grading/multiple_choice_strict.h"

#include <optional>

#include "worker/benchmarks/grading/letter_context.h"
#include "worker/benchmarks/grading/response_text.h"
#include "worker/benchmarks/unicode_text.h"

namespace lacuna::grading {
namespace {

bool is_capital_choice(std::string_view text, std::size_t position) {
  return position < text.size() && text[position] >= 'A' && text[position] <= 'D';
}

// Whether what follows the letter that ends at `end` closes the answer.
bool is_closed(std::string_view text, std::size_t end) {
  const std::size_t next = skip_spaces(text, end);
  if (at_line_end(text, next)) return true;
  const char32_t c = decode_character(text, next).code_point;
  return std::u32string_view(U"]).:,*`$").find(c) != std::u32string_view::npos || is_quote(c);
}

// Position behind the letter of "Option B", "Option: B".
std::optional<std::size_t> match_option(std::string_view text, std::size_t position) {
  constexpr std::string_view kWord = "Option";
  if (!text.substr(position).starts_with(kWord)) return std::nullopt;
  const std::size_t word_end = position + kWord.size();
  std::size_t letter = skip_spaces(text, word_end);
  if (letter < text.size() && text[letter] == ':') letter = skip_spaces(text, letter + 1);
  if (letter == word_end || !is_capital_choice(text, letter)) return std::nullopt;
  return letter + 1;
}

}  // namespace

std::string find_strict_choice(std::string_view text) {
  const std::size_t start = skip_opening_marks(text, 0);
  std::size_t end = 0;
  if (is_capital_choice(text, start) && is_closed(text, start + 1)) {
    end = start + 1;
  } else if (const auto option_end = match_option(text, start)) {
    end = *option_end;
  }
  if (end == 0 || !stands_alone(text, end)) return {};
  if (second_letter_follows(text, end) || is_rejected(text, end)) return {};
  return std::string(1, text[end - 1]);
}

}  // namespace lacuna::grading
