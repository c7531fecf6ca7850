// Characters as the readers and the graders need them; the codec is core/utf8.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lacuna {

// A character of a text. Bytes that are not UTF-8 decode one by one to `kInvalidCodePoint`.
struct DecodedCharacter {
  char32_t code_point = 0;
  std::size_t bytes = 1;
};
inline constexpr char32_t kInvalidCodePoint = 0xFFFFFFFF;

// The character at byte `position` < text.size(). Overlong forms, surrogates and values above U+10FFFF are
// not UTF-8.
DecodedCharacter decode_character(std::string_view text, std::size_t position);
// The character that ends before byte `position` (0 < position <= text.size()).
DecodedCharacter decode_character_before(std::string_view text, std::size_t position);

// Byte position of the first thing that is not UTF-8, if there is one.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);
// Number of characters.
std::size_t count_characters(std::string_view text);

// The white space that Python's str.strip() removes.
bool is_white_space(char32_t code_point);
std::string_view trim_white_space(std::string_view text);
// At the end alone, as str.rstrip().
std::string_view trim_trailing_white_space(std::string_view text);

// 0 to 9; other scripts' digits are none.
bool is_ascii_digit(char32_t code_point);
// Letters of the Latin, Greek and Cyrillic scripts. Answers are judged by Latin letters; scripts that write
// without spaces must not glue themselves to them, so they do not count.
bool is_letter(char32_t code_point);
// Lower case of the same scripts (simple case mapping; everything else is returned as it is).
char32_t to_lower(char32_t code_point);
// The same for a text; what is not UTF-8 is kept.
std::string to_lower(std::string_view text);

}  // namespace lacuna
