#include <algorithm>
#include <array>
#include <vector>

#include "worker/benchmarks/grading/answer_phrase.h"
#include "worker/benchmarks/grading/boolean.h"
#include "worker/benchmarks/grading/boolean_words.h"
#include "worker/benchmarks/grading/response_text.h"
#include "worker/benchmarks/unicode_text.h"

namespace lacuna::grading {
namespace {

// The end of "true/false" or "true or false" at `position`, if it stands there.
std::optional<std::size_t> match_echo(std::string_view text, std::size_t position) {
  const auto first = match_word(text, position, "true");
  if (!first) return std::nullopt;
  std::size_t next = skip_white_space(text, *first);
  if (next < text.size() && text[next] == '/') {
    ++next;
  } else if (const auto joiner = match_word(text, next, "or"); joiner && next > *first) {
    next = *joiner;
  } else {
    return std::nullopt;
  }
  return match_word(text, skip_white_space(text, next), "false");
}

std::string delete_echoes(std::string_view text) {
  std::string rest;
  for (std::size_t position = 0; position < text.size();) {
    const auto echo = word_before(text, position) ? std::nullopt : match_echo(text, position);
    if (!echo) {
      rest.push_back(text[position++]);
      continue;
    }
    position = *echo;
    if (rest.ends_with('[') && position < text.size() && text[position] == ']') {
      rest.pop_back();
      ++position;
    }
  }
  return rest;
}

std::string find_phrase_value(std::string_view text) {
  std::string found;
  for_each_answer_phrase(text, {.nouns = {"answer"}, .links = {"is", ":", "="}},
                         [&](const AnswerPhrase& phrase) {
                           const std::size_t position = skip_opening_marks(text, phrase.end);
                           auto value = read_boolean_word(text, position, kTrueFalse);
                           if (!value) value = read_boolean_word(text, position, kYesNo);
                           if (value) found = *value;
                         });
  return found;
}

std::string find_leading_yes_no(std::string_view text) {
  const std::size_t start = skip_opening_marks(text, 0);
  for (const BooleanWord& candidate : kYesNo) {
    const auto end = match_word(text, start, candidate.word);
    if (end && *end < text.size() && text[*end] == '-') return {};  // "No-one"
  }
  return read_boolean_word(text, start, kYesNo).value_or("");
}

// Whether the words before `position` turn the value around: "not true", "isn't really true", "cannot be
// true".
bool is_negated(std::string_view text, std::size_t position) {
  constexpr std::array<std::string_view, 11> kBetween = {"be",     "the",  "a",  "an",   "quite", "always",
                                                         "either", "been", "at", "even", "in"};
  constexpr std::array<std::string_view, 11> kNegations = {"not",     "never",    "cannot",  "can't",
                                                           "isn't",   "wasn't",   "aren't",  "nor",
                                                           "neither", "wouldn't", "couldn't"};
  const auto contains = [](const auto& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  for (const std::string& word : words_before(text, position, 4)) {
    if (contains(kNegations, word)) return true;
    const bool adverb = word.size() > 4 && word.ends_with("ly");
    if (!adverb && !contains(kBetween, word)) return false;
  }
  return false;
}

std::string find_agreed_value(std::string_view text) {
  std::string agreed;
  for (std::size_t position = 0; position < text.size(); ++position) {
    if (word_before(text, position)) continue;
    for (const BooleanWord& candidate : kTrueFalse) {
      if (!match_word(text, position, candidate.word)) continue;
      const bool is_true = (candidate.value == "true") != is_negated(text, position);
      const std::string value = is_true ? "true" : "false";
      if (!agreed.empty() && agreed != value) return {};
      agreed = value;
    }
  }
  return agreed;
}

}  // namespace

std::string find_lenient_boolean(std::string_view response) {
  const std::string rest = delete_echoes(response);
  const std::string_view text = trim_white_space(rest);
  std::string value = find_phrase_value(text);
  if (value.empty()) value = find_strict_boolean(text);
  if (value.empty()) value = find_leading_yes_no(text);
  if (value.empty()) value = find_agreed_value(text);
  return value;
}

}  // namespace lacuna::grading
