// Where the Unicode tables of the reference library differ from those of the libraries that we link.
//
// All from the Unicode Character Database; each list says how it was made, so that it can be made again.
#pragma once

#include <span>

namespace lacuna::unicode {

// Inclusive.
struct CodePointRange {
  char32_t first;
  char32_t last;
};

// \p{L} and \p{N} of the reference are those of Unicode 16. PCRE2 10.42 has Unicode 14; these are the code
// points in between. With a PCRE2 that has them already they do no harm.
std::span<const CodePointRange> letters_after_unicode_14();
std::span<const CodePointRange> numbers_after_unicode_14();

// NFC of the reference is that of Unicode 9: younger code points are inert there (combining class 0, no
// decomposition, no composition). These are the ones that are not inert in Unicode 17, sorted.
std::span<const CodePointRange> normalized_after_unicode_9();

}  // namespace lacuna::unicode
