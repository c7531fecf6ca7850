#include "worker/benchmarks/grading/letter_context.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "worker/benchmarks/grading/response_text.h"
#include "worker/benchmarks/unicode_text.h"

namespace lacuna::grading {
namespace {

// A list's next element is looked for this many bytes behind a letter; longer runs of marks are no list.
constexpr std::size_t kListWindow = 256;

char to_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

bool is_choice_letter(char c) {
  return to_upper(c) >= 'A' && to_upper(c) <= 'D';
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_dash(char32_t c) {
  return c == U'-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2212;
}

template <std::size_t n>
bool contains(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What lies between a letter and the next one.
struct Gap {
  bool joined = false;  // or, and, /, &, |, +
  bool comma = false;   // comma or semicolon
  bool newline = false;
  bool opened = false;   // a bracket or mark is opened for the next letter
  std::size_t next = 0;  // where the next letter stands
};

// The gap behind a letter if nothing but separators, marks and the words or, and, option, choice lie between
// it and another letter A..D that stands alone.
std::optional<Gap> read_gap(std::string_view text, std::size_t position) {
  Gap gap;
  const std::size_t limit = std::min(text.size(), position + kListWindow);
  while (position < limit) {
    const DecodedCharacter character = decode_character(text, position);
    const char32_t c = character.code_point;
    if (const auto joiner = match_any_word(text, position, {"or", "and"});
        joiner && !word_before(text, position)) {
      gap.joined = true;
      position = *joiner;
      continue;
    }
    if (const auto noun = match_any_word(text, position, {"option", "choice", "answer"});
        noun && (gap.joined || gap.comma)) {
      position = *noun;
      continue;
    }
    if (is_choice_letter(text[position]) && !word_before(text, position)) {
      if (!stands_alone(text, position + 1)) return std::nullopt;
      gap.next = position;
      return gap;
    }
    if (c == U'/' || c == U'&' || c == U'|' || c == U'+') {
      gap.joined = true;
    } else if (c == U',' || c == U';') {
      gap.comma = true;
    } else if (c == U'\n') {
      gap.newline = true;
    } else if (c == U'[' || c == U'(' || c == U'*' || c == U'`' || c == U'$' || is_quote(c)) {
      gap.opened = true;
    } else if (!is_white_space(c) && !is_dash(c) && c != U'.' && c != U':' && c != U']' && c != U')' &&
               c != U'}' && c != U'_') {
      return std::nullopt;
    }
    position += character.bytes;
  }
  return std::nullopt;
}

// Whether nothing but the rest of a list follows the letter that ends at `end`.
bool ends_like_list_element(std::string_view text, std::size_t end, const Gap& gap) {
  std::size_t position = end;
  for (;;) {
    const std::size_t before = position;
    position = skip_closing_marks(text, position);
    if (position < text.size() && (text[position] == '.' || text[position] == ':')) ++position;
    if (position == before) break;
  }
  position = skip_spaces(text, position);
  if (at_line_end(text, position)) return true;
  const char c = text[position];
  const bool separated = gap.comma || gap.joined || gap.newline;
  if (c == ',' || c == ';' || c == '/' || c == '&' || c == '|') return separated;
  if (match_any_word(text, position, {"or", "and"})) return separated;
  // "A. B. C." and "A) B) C)": the next one is in sight.
  const std::size_t next = skip_opening_marks(text, position);
  if (next >= text.size() || !is_upper(text[next]) || !is_choice_letter(text[next])) return false;
  if (word_at(text, next + 1)) return false;
  return at_line_end(text, next + 1) ||
         std::string_view("]).:,*").find(text[next + 1]) != std::string_view::npos;
}

bool is_list_element(std::string_view text, const Gap& gap) {
  const std::size_t end = gap.next + 1;
  if (ends_like_list_element(text, end, gap)) return true;
  const std::size_t closed = skip_closing_marks(text, end);
  const bool bracketed = gap.opened && closed > end;
  const std::vector<std::string> words = words_after(text, closed, 1);
  const std::string next_word = words.empty() ? "" : words.front();
  if (gap.joined) {
    if (bracketed || to_upper(text[gap.next]) != 'A' || next_word.empty()) return true;
    // "B or a larger one" is no list, "B or A is right" is.
    constexpr std::array<std::string_view, 16> kAfterLetter = {
        "is",    "are",   "was", "were", "both",  "because",   "could", "can",
        "would", "might", "may", "as",   "since", "depending", "but",   "if"};
    return contains(kAfterLetter, next_word);
  }
  constexpr std::array<std::string_view, 2> kPlural = {"are", "both"};
  if (gap.comma) return bracketed || contains(kPlural, next_word);
  return bracketed && contains(kPlural, next_word);
}

bool is_link_verb(const std::string& word) {
  constexpr std::array<std::string_view, 8> kVerbs = {"is",    "are",     "was",    "were",
                                                      "seems", "appears", "sounds", "looks"};
  return contains(kVerbs, word);
}

bool is_filler(const std::string& word) {
  constexpr std::array<std::string_view, 9> kFillers = {"the",  "a",    "an",  "also", "just",
                                                        "both", "thus", "all", "quite"};
  return contains(kFillers, word) || (word.size() > 4 && word.ends_with("ly") && word != "unlikely");
}

bool is_negative(const std::string& word) {
  constexpr std::array<std::string_view, 11> kNegatives = {
      "wrong",       "incorrect", "false",    "invalid",  "impossible", "untrue",
      "implausible", "excluded",  "rejected", "mistaken", "eliminated"};
  return contains(kNegatives, word);
}

bool is_dismissal(const std::vector<std::string>& words, std::size_t i) {
  constexpr std::array<std::string_view, 5> kDismissals = {"eliminated", "excluded", "rejected", "dismissed",
                                                           "discarded"};
  if (i >= words.size()) return false;
  return contains(kDismissals, words[i]) ||
         (words[i] == "ruled" && i + 1 < words.size() && words[i + 1] == "out");
}

// "not wrong" is praise, and so is "not only right".
bool negation_holds(const std::vector<std::string>& words, std::size_t i) {
  constexpr std::array<std::string_view, 3> kNotOnly = {"only", "just", "merely"};
  return i >= words.size() || !(is_negative(words[i]) || contains(kNotOnly, words[i]));
}

bool rejects(const std::vector<std::string>& words) {
  if (words.empty()) return false;
  constexpr std::array<std::string_view, 4> kIsNot = {"isn't", "aren't", "wasn't", "weren't"};
  constexpr std::array<std::string_view, 4> kCannot = {"cannot", "can't", "couldn't", "wouldn't"};
  constexpr std::array<std::string_view, 6> kModals = {"can", "could", "would", "should", "must", "will"};
  constexpr std::array<std::string_view, 6> kFits = {"fit", "work", "apply", "match", "hold", "make"};
  const auto word = [&](std::size_t i) { return i < words.size() ? words[i] : std::string(); };
  if (contains(kIsNot, words[0])) return negation_holds(words, 1);
  if (contains(kCannot, words[0])) return word(1) == "be" && negation_holds(words, 2);
  if (words[0] == "doesn't" || words[0] == "don't") return contains(kFits, word(1));
  if (words[0] == "does" || words[0] == "do") return word(1) == "not" && contains(kFits, word(2));
  std::size_t i = 0;
  if (contains(kModals, words[0])) {
    if (word(1) == "not") return word(2) == "be" && negation_holds(words, 3);
    if (word(1) != "be") return false;
    if (is_dismissal(words, 2)) return true;
    i = 2;
  } else if (is_link_verb(words[0])) {
    i = 1;
  } else {
    return false;
  }
  while (i < words.size() && is_filler(words[i])) ++i;
  if (word(i) == "not" || word(i) == "never") return negation_holds(words, i + 1);
  return is_negative(word(i)) || is_dismissal(words, i);
}

// "A. This is wrong" rejects A as well, though a full stop stands between.
bool remark_rejects(const std::vector<std::string>& words) {
  if (words.size() < 3 || words[0] != "this") return false;
  constexpr std::array<std::string_view, 4> kNouns = {"option", "choice", "answer", "statement"};
  const std::size_t verb = contains(kNouns, words[1]) ? 2 : 1;
  return verb + 1 < words.size() && words[verb] == "is" &&
         (words[verb + 1] == "wrong" || words[verb + 1] == "incorrect");
}

}  // namespace

bool stands_alone(std::string_view text, std::size_t end) {
  if (word_at(text, end)) return false;
  if (end + 1 >= text.size()) return true;
  const DecodedCharacter next = decode_character(text, end);
  const std::size_t after = end + next.bytes;
  const bool apostrophe = next.code_point == U'\'' || next.code_point == 0x2019;
  if (apostrophe && letter_at(text, after)) return false;
  if ((next.code_point == U'-' || next.code_point == 0x2010 || next.code_point == 0x2011) &&
      word_at(text, after)) {
    return false;
  }
  const bool abbreviation =
      next.code_point == U'.' && letter_at(text, after) && after + 1 < text.size() && text[after + 1] == '.';
  return !abbreviation;
}

bool second_letter_follows(std::string_view text, std::size_t end) {
  const std::size_t limit = end + kListWindow;
  const char first = text[end - 1];
  while (end < limit) {
    const std::optional<Gap> gap = read_gap(text, end);
    if (!gap) return false;
    const char second = text[gap->next];
    if (is_upper(second) != is_upper(first) && !gap->joined) return false;
    if (to_upper(second) != to_upper(first)) return is_list_element(text, *gap);
    end = gap->next + 1;
  }
  return false;
}

bool is_rejected(std::string_view text, std::size_t end) {
  constexpr std::size_t kWords = 7;
  const std::size_t closed = skip_closing_marks(text, end);
  if (rejects(words_after(text, closed, kWords))) return true;
  std::size_t stop = closed;
  if (stop < text.size() && (text[stop] == '.' || text[stop] == ':')) ++stop;
  return remark_rejects(words_after(text, skip_closing_marks(text, stop), kWords));
}

bool is_rejected_before(std::string_view text, std::size_t start) {
  constexpr std::array<std::string_view, 7> kBetween = {"option", "choice", "answer", "letter",
                                                        "the",    "be",     "of"};
  constexpr std::array<std::string_view, 16> kRejecting = {
      "not", "isn't",  "aren't",  "wasn't",   "cannot", "can't",    "never",     "neither",
      "nor", "except", "exclude", "excluded", "reject", "rejected", "eliminate", "eliminated"};
  const std::vector<std::string> words = words_before(text, start, 5);
  std::size_t i = 0;
  while (i < words.size() && contains(kBetween, words[i])) ++i;
  if (i >= words.size()) return false;
  if (contains(kRejecting, words[i])) return true;
  const std::string before = i + 1 < words.size() ? words[i + 1] : std::string();
  return (words[i] == "out" && (before == "rule" || before == "ruled" || before == "rules")) ||
         (words[i] == "than" && before == "rather") || (words[i] == "instead" && i > 0);
}

}  // namespace lacuna::grading
