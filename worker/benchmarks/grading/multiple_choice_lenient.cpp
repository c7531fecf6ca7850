#include "worker/benchmarks/grading/multiple_choice_lenient.h"

#include <optional>

#include "worker/benchmarks/grading/answer_phrase.h"
#include "worker/benchmarks/grading/boxed_letter.h"
#include "worker/benchmarks/grading/choice_text.h"
#include "worker/benchmarks/grading/letter_context.h"
#include "worker/benchmarks/grading/multiple_choice_strict.h"
#include "worker/benchmarks/grading/response_text.h"
#include "worker/benchmarks/unicode_text.h"

namespace lacuna::grading {
namespace {

bool is_capital(char c) {
  return c >= 'A' && c <= 'D';
}

bool is_small(char c) {
  return c >= 'a' && c <= 'd';
}

std::string make_choice(char letter) {
  return std::string(1, is_small(letter) ? static_cast<char>(letter - 32) : letter);
}

bool is_excluded(std::string_view text, std::size_t end) {
  return !stands_alone(text, end) || second_letter_follows(text, end) || is_rejected(text, end);
}

// Rule 2, the letter at `position` behind a phrase.
std::optional<std::string> read_phrase_letter(std::string_view text, std::size_t position) {
  if (position >= text.size()) return std::nullopt;
  const char letter = text[position];
  const std::size_t end = position + 1;
  if (is_small(letter)) {
    if (end < text.size() && std::string_view("]).*").find(text[end]) == std::string_view::npos) {
      return std::nullopt;
    }
  } else if (!is_capital(letter)) {
    return std::nullopt;
  }
  if (is_excluded(text, end)) return std::nullopt;
  return make_choice(letter);
}

std::string find_phrase_letter(std::string_view text) {
  std::string found;
  for_each_answer_phrase(
      text,
      {.nouns = {"answer", "answers", "option", "choice"},
       .links = {"is", "are", "=", ":", "would be", "must be", "should be"}},
      [&](const AnswerPhrase& phrase) {
        const bool label = phrase.link == ":" && (phrase.noun == "option" || phrase.noun == "choice");
        std::size_t position = skip_latex_wrappers(text, phrase.end);
        if (const auto noun = match_any_word(text, position, {"option", "choice", "letter"})) {
          position = skip_latex_wrappers(text, *noun);
        }
        if (label && text.substr(phrase.end, position - phrase.end).find('\n') != std::string_view::npos)
          return;
        if (const auto letter = read_phrase_letter(text, position)) found = *letter;
      });
  return found;
}

// Rule 4.
std::string find_leading_letter(std::string_view text) {
  const std::size_t start = skip_opening_marks(text, 0);
  if (start >= text.size() || !(is_capital(text[start]) || is_small(text[start]))) return {};
  const std::size_t end = start + 1;
  if (!stands_alone(text, end)) return {};
  const std::size_t next = skip_white_space(text, end);
  if (next < text.size()) {
    const char32_t c = decode_character(text, next).code_point;
    const bool dash = c == U'-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2212;
    const bool closed = std::u32string_view(U"]).:,*").find(c) != std::u32string_view::npos;
    const bool reason =
        next > end && match_any_word(text, next, {"because", "since", "as", "is"}).has_value();
    if (!dash && !closed && !reason) return {};
  }
  return is_excluded(text, end) ? std::string() : make_choice(text[start]);
}

// A capital in [X], (X) or **X**.
struct MarkedLetter {
  std::size_t start = 0;  // of the opening mark
  std::size_t end = 0;    // behind the closing mark
  char letter = 0;
};

std::optional<MarkedLetter> read_marked_letter(std::string_view text, std::size_t start) {
  const std::string_view rest = text.substr(start);
  const std::string_view opening = rest.starts_with("**") ? "**" : rest.substr(0, 1);
  if (opening != "**" && opening != "[" && opening != "(") return std::nullopt;
  const std::string_view closing = opening == "[" ? "]" : opening == "(" ? ")" : "**";
  const std::size_t letter = skip_spaces(text, start + opening.size());
  if (letter >= text.size() || !is_capital(text[letter])) return std::nullopt;
  const std::size_t end = skip_spaces(text, letter + 1);
  if (!text.substr(end).starts_with(closing)) return std::nullopt;
  return MarkedLetter{start, end + closing.size(), text[letter]};
}

// Whether only commas, "and" and "or" stand in `between`: then a rejection of the second letter is meant for
// both.
bool is_enumeration(std::string_view between) {
  constexpr std::size_t kLongest = 16;
  if (between.size() > kLongest) return false;
  for (std::size_t position = 0; position < between.size();) {
    if (const auto word = match_any_word(between, position, {"and", "or", "nor"})) {
      position = *word;
    } else if (between[position] == ',' || between[position] == ' ' || between[position] == '*') {
      ++position;
    } else {
      return false;
    }
  }
  return true;
}

// Rule 5.
std::string find_single_marked_letter(std::string_view text) {
  std::vector<MarkedLetter> marked;
  for (std::size_t position = 0; position < text.size();) {
    if (const auto letter = read_marked_letter(text, position)) {
      marked.push_back(*letter);
      position = letter->end;
    } else {
      ++position;
    }
  }
  std::vector<bool> rejected(marked.size(), false);
  for (std::size_t i = marked.size(); i-- > 0;) {
    const bool with_next = i + 1 < marked.size() && rejected[i + 1] &&
                           is_enumeration(text.substr(marked[i].end, marked[i + 1].start - marked[i].end)) &&
                           !is_rejected_before(text, marked[i + 1].start);
    rejected[i] = with_next || is_rejected(text, marked[i].end) || is_rejected_before(text, marked[i].start);
  }
  char only = 0;
  for (std::size_t i = 0; i < marked.size(); ++i) {
    if (rejected[i] || marked[i].letter == only) continue;
    if (only != 0) return {};
    only = marked[i].letter;
  }
  return only == 0 ? std::string() : make_choice(only);
}

}  // namespace

std::string find_lenient_choice(std::string_view response, const std::vector<std::string>& choices) {
  const std::string text = replace_full_width_letters(response);
  std::string choice = find_boxed_letter(text);
  if (choice.empty()) choice = find_phrase_letter(text);
  if (choice.empty()) choice = find_strict_choice(text);
  if (choice.empty()) choice = find_leading_letter(text);
  if (choice.empty()) choice = find_single_marked_letter(text);
  if (choice.empty()) choice = find_choice_text(text, choices);
  return choice;
}

}  // namespace lacuna::grading
