// Oniguruma regular expressions of tokenizer.json files, rewritten for PCRE2.
#pragma once

#include <string>
#include <string_view>

namespace lacuna {

// `pattern` in PCRE2 syntax, with \s, \p{L} and \p{N} spelled out where PCRE2's tables differ from the
// reference's. Only what splitting patterns use is taken: literals, classes, groups without names,
// look-around, alternation, quantifiers, and the escapes \s \S \p \P \r \n \t and escaped punctuation. Sets
// `refused` to the first construct beyond that (and returns nothing of use), empty otherwise.
std::string translate_regex(std::string_view pattern, std::string& refused);

}  // namespace lacuna
