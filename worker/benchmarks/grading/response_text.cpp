#include "worker/benchmarks/grading/response_text.h"

#include <algorithm>
#include <array>

#include "worker/benchmarks/unicode_text.h"

namespace lacuna::grading {
namespace {

constexpr std::array<std::string_view, 5> kEndMarkers = {"<|im_end|>", "<|endoftext|>", "<|eot_id|>",
                                                         "<|end_of_text|>", "</s>"};
constexpr std::size_t kLongestWord = 24;

char lower_ascii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_single_quote(char32_t c) {
  return c == U'\'' || c == 0x2018 || c == 0x2019;
}

bool is_line_end(char32_t c) {
  return c == U'\n' || c == U'\r' || c == 0x0B || c == 0x0C || c == 0x85 || c == 0x2028 || c == 0x2029;
}

template <class Predicate>
std::size_t skip_while(std::string_view text, std::size_t position, Predicate predicate) {
  while (position < text.size()) {
    const DecodedCharacter character = decode_character(text, position);
    if (!predicate(character.code_point)) break;
    position += character.bytes;
  }
  return position;
}

bool is_ascii_letter(char c) {
  return lower_ascii(c) >= 'a' && lower_ascii(c) <= 'z';
}

bool is_apostrophe_in_word(std::string_view text, std::size_t position, const DecodedCharacter& character) {
  return is_single_quote(character.code_point) && position > 0 && word_before(text, position) &&
         letter_at(text, position + character.bytes);
}

}  // namespace

std::string_view cut_response(std::string_view response) {
  std::size_t end = response.size();
  for (const std::string_view marker : kEndMarkers) {
    end = std::min(end, response.substr(0, end).find(marker));
  }
  return trim_white_space(response.substr(0, end));
}

std::string replace_full_width_letters(std::string_view text) {
  std::string replaced;
  replaced.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const DecodedCharacter character = decode_character(text, position);
    if (character.code_point >= 0xFF21 && character.code_point <= 0xFF24) {
      replaced.push_back(static_cast<char>('A' + (character.code_point - 0xFF21)));
    } else {
      replaced.append(text, position, character.bytes);
    }
    position += character.bytes;
  }
  return replaced;
}

bool is_quote(char32_t c) {
  return c == U'"' || is_single_quote(c) || c == 0x201C || c == 0x201D || c == 0x201E || c == 0xAB ||
         c == 0xBB;
}

std::size_t skip_white_space(std::string_view text, std::size_t position) {
  return skip_while(text, position, is_white_space);
}

std::size_t skip_spaces(std::string_view text, std::size_t position) {
  return skip_while(text, position, [](char32_t c) { return is_white_space(c) && !is_line_end(c); });
}

std::size_t skip_opening_marks(std::string_view text, std::size_t position) {
  return skip_while(text, position, [](char32_t c) {
    return is_white_space(c) || c == U'[' || c == U'(' || c == U'*' || c == U'`' || c == U'$' || is_quote(c);
  });
}

std::size_t skip_closing_marks(std::string_view text, std::size_t position) {
  while (position < text.size()) {
    const DecodedCharacter character = decode_character(text, position);
    const char32_t c = character.code_point;
    const bool mark = c == U']' || c == U')' || c == U'}' || c == U'*' || c == U'`' || c == U'$' ||
                      c == U'_' || (is_quote(c) && !is_apostrophe_in_word(text, position, character));
    if (!mark) break;
    position += character.bytes;
  }
  return position;
}

bool at_line_end(std::string_view text, std::size_t position) {
  return position >= text.size() || is_line_end(decode_character(text, position).code_point);
}

bool letter_at(std::string_view text, std::size_t position) {
  return position < text.size() && is_letter(decode_character(text, position).code_point);
}

bool word_at(std::string_view text, std::size_t position) {
  return letter_at(text, position) ||
         (position < text.size() && text[position] >= '0' && text[position] <= '9');
}

bool word_before(std::string_view text, std::size_t position) {
  if (position == 0) return false;
  const char32_t c = decode_character_before(text, position).code_point;
  return is_letter(c) || is_ascii_digit(c);
}

std::optional<std::size_t> match_word(std::string_view text, std::size_t position, std::string_view word) {
  if (position > text.size() || text.size() - position < word.size()) return std::nullopt;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (lower_ascii(text[position + i]) != word[i]) return std::nullopt;
  }
  const std::size_t end = position + word.size();
  return word_at(text, end) ? std::nullopt : std::optional(end);
}

std::optional<std::size_t> match_any_word(std::string_view text, std::size_t position,
                                          const std::vector<std::string_view>& words) {
  for (const std::string_view word : words) {
    if (const auto end = match_word(text, position, word)) return end;
  }
  return std::nullopt;
}

std::vector<std::string> words_after(std::string_view text, std::size_t position, std::size_t count) {
  std::vector<std::string> words;
  while (words.size() < count) {
    position = skip_white_space(text, position);
    std::string word;
    while (position < text.size() && word.size() <= kLongestWord) {
      const DecodedCharacter character = decode_character(text, position);
      if (is_ascii_letter(text[position])) {
        word.push_back(lower_ascii(text[position]));
      } else if (is_apostrophe_in_word(text, position, character)) {
        word.push_back('\'');
      } else {
        break;
      }
      position += character.bytes;
    }
    if (word.empty() || word.size() > kLongestWord || word_at(text, position)) break;
    words.push_back(std::move(word));
    if (position < text.size() && !is_white_space(decode_character(text, position).code_point)) break;
  }
  return words;
}

std::vector<std::string> words_before(std::string_view text, std::size_t position, std::size_t count) {
  // Walk back over at most `count` words, then read them forwards.
  std::vector<std::string> words;
  const auto skip_back = [&](auto predicate) {
    while (position > 0) {
      const DecodedCharacter character = decode_character_before(text, position);
      if (!predicate(character.code_point)) break;
      position -= character.bytes;
    }
  };
  skip_back([](char32_t c) {
    return is_white_space(c) || c == U'[' || c == U'(' || c == U'*' || c == U'`' || c == U'$' || is_quote(c);
  });
  while (words.size() < count && position > 0) {
    const std::size_t end = position;
    while (position > 0 && end - position <= kLongestWord) {
      const DecodedCharacter character = decode_character_before(text, position);
      const bool inside = is_letter(character.code_point) || (is_single_quote(character.code_point) &&
                                                              word_before(text, position - character.bytes));
      if (!inside) break;
      position -= character.bytes;
    }
    if (position == end || end - position > kLongestWord || word_before(text, position)) break;
    const std::vector<std::string> word = words_after(text.substr(0, end), position, 1);
    if (word.empty()) break;
    words.push_back(word.front());
    skip_back(is_white_space);
  }
  return words;
}

}  // namespace lacuna::grading
