#include "core/utf8.h"

#include <array>

namespace lacuna::utf8 {
namespace {

// What may follow a lead byte: how many bytes in all, and the range of the second byte. The narrower ranges
// keep out overlong forms, surrogates and values above U+10FFFF.
struct Lead {
  std::size_t length;
  unsigned char second_low;
  unsigned char second_high;
};

constexpr Lead describe_lead(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

unsigned char byte_at(std::string_view text, std::size_t position) {
  return static_cast<unsigned char>(text[position]);
}

bool is_continuation(unsigned char byte) {
  return (byte & 0xC0U) == 0x80U;
}

}  // namespace

CodePoint read(std::string_view text, std::size_t position) {
  const unsigned char first = byte_at(text, position);
  if (first < 0x80) return {first, 1, true};
  const Lead lead = describe_lead(first);
  if (lead.length == 0) return {};
  constexpr std::array<unsigned char, 5> kLeadBits = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t value = static_cast<char32_t>(first & kLeadBits[lead.length]);
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (position + i >= text.size()) return {kReplacement, i, false};
    const unsigned char next = byte_at(text, position + i);
    const bool fits = i == 1 ? next >= lead.second_low && next <= lead.second_high : is_continuation(next);
    if (!fits) return {kReplacement, i, false};
    value = (value << 6U) | (next & 0x3FU);
  }
  return {value, lead.length, true};
}

void append(std::string& text, char32_t code_point) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) code_point = kReplacement;
  const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0U | (code_point >> 6U));
    put(0x80U | (code_point & 0x3FU));
  } else if (code_point < 0x10000) {
    put(0xE0U | (code_point >> 12U));
    put(0x80U | ((code_point >> 6U) & 0x3FU));
    put(0x80U | (code_point & 0x3FU));
  } else {
    put(0xF0U | (code_point >> 18U));
    put(0x80U | ((code_point >> 12U) & 0x3FU));
    put(0x80U | ((code_point >> 6U) & 0x3FU));
    put(0x80U | (code_point & 0x3FU));
  }
}

std::string repair(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = read(text, at);
    if (point.well_formed) {
      repaired.append(text, at, point.length);
    } else {
      append(repaired, kReplacement);
    }
    at += point.length;
  }
  return repaired;
}

bool is_well_formed(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (byte_at(text, at) < 0x80) {
      ++at;
      continue;
    }
    const CodePoint point = read(text, at);
    if (!point.well_formed) return false;
    at += point.length;
  }
  return true;
}

std::size_t count(std::string_view text) {
  std::size_t points = 0;
  for (std::size_t at = 0; at < text.size(); ++at) points += is_continuation(byte_at(text, at)) ? 0 : 1;
  return points;
}

std::size_t advance(std::string_view text, std::size_t start, std::size_t code_points) {
  std::size_t at = start;
  for (; code_points > 0 && at < text.size(); --code_points) {
    ++at;
    while (at < text.size() && is_continuation(byte_at(text, at))) ++at;
  }
  return at;
}

bool is_white_space(char32_t code_point) {
  if (code_point < 0x80) return code_point == 0x20 || (code_point >= 0x09 && code_point <= 0x0D);
  switch (code_point) {
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return code_point >= 0x2000 && code_point <= 0x200A;
  }
}

bool is_python_space(char32_t code_point) {
  return is_white_space(code_point) || (code_point >= 0x1C && code_point <= 0x1F);
}

}  // namespace lacuna::utf8
