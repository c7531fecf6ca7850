// The GPT-2 alphabet: every byte written as one printable code point, so that byte-level vocabularies are
// text.
//
// Bytes 33-126, 161-172 and 174-255 are the code point of the same number; the other 68, in increasing order,
// are U+0100 to U+0143 (so a space is U+0120).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lacuna::byte_alphabet {

// The code point for a byte.
char32_t spell(unsigned char byte);

// The bytes that `token` spells; nothing if any of its code points is outside the alphabet.
std::optional<std::string> read(std::string_view token);

// `bytes` in the alphabet.
std::string write(std::string_view bytes);

}  // namespace lacuna::byte_alphabet
