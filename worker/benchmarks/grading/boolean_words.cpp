#include "worker/benchmarks/grading/boolean_words.h"

#include "worker/benchmarks/grading/response_text.h"

namespace lacuna::grading {

std::optional<std::string> read_boolean_word(std::string_view text, std::size_t position,
                                             std::span<const BooleanWord> words) {
  for (const BooleanWord& candidate : words) {
    const auto end = match_word(text, position, candidate.word);
    if (!end) continue;
    const std::size_t closed = skip_closing_marks(text, *end);
    const std::size_t next = skip_white_space(text, closed);
    if (next < text.size() && text[next] == '/') return std::nullopt;
    if (next > *end && match_word(text, next, "or")) return std::nullopt;
    return std::string(candidate.value);
  }
  return std::nullopt;
}

}  // namespace lacuna::grading
