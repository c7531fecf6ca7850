// UTF-8 in and out, one code point at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lacuna::utf8 {

constexpr char32_t kReplacement = 0xFFFD;

// One code point, or one maximal ill-formed part (Unicode 16, section 3.9, table 3-8: what Python's
// errors="replace" and Rust's from_utf8_lossy turn into one U+FFFD). `length` is in bytes, at least 1.
struct CodePoint {
  char32_t value = kReplacement;
  std::size_t length = 1;
  bool well_formed = false;
};

// The code point that starts at `position`, which must be below text.size().
CodePoint read(std::string_view text, std::size_t position);

// Appends the UTF-8 of `code_point`; surrogates and values above U+10FFFF become U+FFFD.
void append(std::string& text, char32_t code_point);

// `text` with each maximal ill-formed part replaced by U+FFFD.
std::string repair(std::string_view text);

// Whether all of `text` is UTF-8 (no overlong forms, surrogates or values above U+10FFFF); the empty text is.
bool is_well_formed(std::string_view text);

// Number of code points of well-formed `text`.
std::size_t count(std::string_view text);

// The byte offset after `code_points` code points from byte `start`, at most text.size().
std::size_t advance(std::string_view text, std::size_t start, std::size_t code_points);

// White space as Unicode's White_Space property has it (what \s of the tokenizer's regex engine takes).
bool is_white_space(char32_t code_point);

// White space as Python's str.isspace has it: White_Space and U+001C to U+001F.
bool is_python_space(char32_t code_point);

}  // namespace lacuna::utf8
