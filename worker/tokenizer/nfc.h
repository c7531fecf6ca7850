// Normalization form C as the reference library has it: with the tables of Unicode 9.
#pragma once

#include <string>
#include <string_view>

namespace lacuna {

// Whether `text` is surely its own NFC because no code point reaches U+0300, the first that can change or be
// composed. Cheap.
bool is_trivially_nfc(std::string_view text);

// `text` must be well-formed UTF-8. Takes n log n time at worst, also on long runs of combining marks.
std::string normalize_nfc(std::string_view text);

}  // namespace lacuna
