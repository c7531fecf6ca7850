#include "worker/benchmarks/grading/answer_phrase.h"

#include <optional>

#include "worker/benchmarks/grading/response_text.h"

namespace lacuna::grading {
namespace {

bool is_word(std::string_view link) {
  return link[0] >= 'a' && link[0] <= 'z';
}

// The end of a link of one or two words, any white space between them.
std::optional<std::size_t> match_link(std::string_view text, std::size_t position, std::string_view link) {
  if (!is_word(link)) {
    return text.substr(position).starts_with(link) ? std::optional(position + link.size()) : std::nullopt;
  }
  if (word_before(text, position)) return std::nullopt;
  const std::size_t space = link.find(' ');
  const std::optional<std::size_t> end = match_word(text, position, link.substr(0, space));
  if (!end || space == std::string_view::npos) return end;
  return match_word(text, skip_white_space(text, *end), link.substr(space + 1));
}

std::optional<AnswerPhrase> match_phrase(std::string_view text, std::size_t position, std::string_view noun,
                                         const PhraseWords& words) {
  const auto noun_end = match_word(text, position, noun);
  if (!noun_end) return std::nullopt;
  const std::size_t start =
      skip_white_space(text, skip_closing_marks(text, skip_white_space(text, *noun_end)));
  for (const std::string_view link : words.links) {
    const auto end = match_link(text, start, link);
    if (!end) continue;
    AnswerPhrase phrase{noun, link, *end};
    if (is_word(link)) {
      const std::size_t colon = skip_white_space(text, skip_closing_marks(text, *end));
      if (colon < text.size() && text[colon] == ':') phrase.end = colon + 1;
    }
    // "**Answer:** B"
    phrase.end = skip_closing_marks(text, phrase.end);
    return phrase;
  }
  return std::nullopt;
}

}  // namespace

void for_each_answer_phrase(std::string_view text, const PhraseWords& words,
                            const std::function<void(const AnswerPhrase&)>& take) {
  for (std::size_t position = 0; position < text.size(); ++position) {
    if (!letter_at(text, position) || word_before(text, position)) continue;
    for (const std::string_view noun : words.nouns) {
      if (const auto phrase = match_phrase(text, position, noun, words)) {
        take(*phrase);
        break;
      }
    }
  }
}

}  // namespace lacuna::grading
