#include "worker/benchmarks/unicode_text.h"

#include "core/utf8.h"

namespace lacuna {
namespace {

constexpr DecodedCharacter kInvalid{kInvalidCodePoint, 1};

bool is_continuation(unsigned char byte) {
  return (byte & 0xC0U) == 0x80U;
}

}  // namespace

DecodedCharacter decode_character(std::string_view text, std::size_t position) {
  const utf8::CodePoint point = utf8::read(text, position);
  return point.well_formed ? DecodedCharacter{point.value, point.length} : kInvalid;
}

DecodedCharacter decode_character_before(std::string_view text, std::size_t position) {
  std::size_t start = position - 1;
  while (start > 0 && position - start < 4 && is_continuation(static_cast<unsigned char>(text[start]))) {
    --start;
  }
  const DecodedCharacter character = decode_character(text, start);
  return start + character.bytes == position ? character : kInvalid;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t position = 0; position < text.size();) {
    const DecodedCharacter character = decode_character(text, position);
    if (character.code_point == kInvalidCodePoint) return position;
    position += character.bytes;
  }
  return std::nullopt;
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t position = 0; position < text.size(); ++count) {
    position += decode_character(text, position).bytes;
  }
  return count;
}

bool is_white_space(char32_t code_point) {
  return utf8::is_python_space(code_point);
}

std::string_view trim_white_space(std::string_view text) {
  while (!text.empty()) {
    const DecodedCharacter first = decode_character(text, 0);
    if (!is_white_space(first.code_point)) break;
    text.remove_prefix(first.bytes);
  }
  return trim_trailing_white_space(text);
}

std::string_view trim_trailing_white_space(std::string_view text) {
  while (!text.empty()) {
    const DecodedCharacter last = decode_character_before(text, text.size());
    if (!is_white_space(last.code_point)) break;
    text.remove_suffix(last.bytes);
  }
  return text;
}

bool is_ascii_digit(char32_t code_point) {
  return code_point >= U'0' && code_point <= U'9';
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z');
  if (c == 0xAA || c == 0xB5 || c == 0xBA) return true;
  return (c >= 0xC0 && c <= 0x24F && c != 0xD7 && c != 0xF7) || (c >= 0x370 && c <= 0x373) ||
         (c >= 0x386 && c <= 0x3FF && c != 0x387) || (c >= 0x400 && c <= 0x52F && (c < 0x482 || c > 0x489)) ||
         (c >= 0x1E00 && c <= 0x1FBC);
}

char32_t to_lower(char32_t c) {
  if (c >= U'A' && c <= U'Z') return c + 32;
  if (c < 0xC0) return c;
  if (c <= 0xDE && c != 0xD7) return c + 32;
  const bool even_is_upper = (c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) ||
                             (c >= 0x14A && c <= 0x177) || (c >= 0x460 && c <= 0x481) ||
                             (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F) ||
                             (c >= 0x1E00 && c <= 0x1E95) || (c >= 0x1EA0 && c <= 0x1EFF);
  if (even_is_upper) return c % 2 == 0 ? c + 1 : c;
  const bool odd_is_upper = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
  if (odd_is_upper) return c % 2 == 1 ? c + 1 : c;
  if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 32;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c;
}

std::string to_lower(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const DecodedCharacter character = decode_character(text, position);
    if (character.code_point == kInvalidCodePoint) {
      lower.push_back(text[position]);
    } else {
      utf8::append(lower, to_lower(character.code_point));
    }
    position += character.bytes;
  }
  return lower;
}

}  // namespace lacuna
