#include "worker/tokenizer/split_pattern.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "worker/tokenizer/regex_translation.h"

namespace lacuna {
namespace {

using Pieces = std::vector<std::string>;

const std::filesystem::path kOrigin = "tokenizer.json";

Pieces split(const nlohmann::json& pattern, const std::string& text) {
  const SplitPattern compiled = SplitPattern::read(Component(pattern, "pattern", kOrigin));
  MatchScratch scratch;
  Pieces pieces;
  compiled.split(text, scratch, [&pieces](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

Pieces split_regex(const std::string& regex, const std::string& text) {
  return split({{"Regex", regex}}, text);
}

TEST(SplitPattern, IsolatesMatchesAndGaps) {
  EXPECT_EQ(split_regex("b+", "abbcb"), (Pieces{"a", "bb", "c", "b"}));
  EXPECT_EQ(split({{"String", "."}}, "a.b.."), (Pieces{"a", ".", "b", ".", "."}));
  EXPECT_EQ(split_regex("x*", "axb"), (Pieces{"a", "x", "b"}));  // empty matches give nothing
  EXPECT_EQ(split_regex("b", ""), Pieces{});
}

TEST(SplitPattern, SplitsAsLlama3) {
  const std::string regex =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  EXPECT_EQ(split_regex(regex, "I'LL pay 12345,  ok?\n\n x"),
            (Pieces{"I", "'LL", " pay", " ", "123", "45", ",", " ", " ok", "?\n\n", " x"}));
  EXPECT_EQ(split_regex(regex, "it'\u017F a\u2003 \u3000b"),
            (Pieces{"it", "'\u017F", " a", "\u2003 ", "\u3000b"}));
}

// PCRE2 up to 10.42 counts U+180E as white space and knows the letters of Unicode 14; the reference does
// neither.
TEST(SplitPattern, UsesTheReferencesClasses) {
  EXPECT_EQ(split_regex(R"(\s+)", "a\u180Eb c"), (Pieces{"a\u180Eb", " ", "c"}));
  EXPECT_EQ(split_regex(R"(\S+)", "a\u180Eb c"), (Pieces{"a\u180Eb", " ", "c"}));
  EXPECT_EQ(split_regex(R"([\S]+)", "a\u180Eb\u2028c"), (Pieces{"a\u180Eb", "\u2028", "c"}));
  EXPECT_EQ(split_regex(R"(\p{L}+)", "-\u1C89-\U00010D4A-"), (Pieces{"-", "\u1C89", "-", "\U00010D4A", "-"}));
  EXPECT_EQ(split_regex(R"(\P{L}+)", "\u1C89-"), (Pieces{"\u1C89", "-"}));
  EXPECT_EQ(split_regex(R"(\p{N}+)", "a\U00010D40\U00010D49"), (Pieces{"a", "\U00010D40\U00010D49"}));
}

TEST(SplitPattern, RefusesWhatMeansSomethingElseInTheReferencesEngine) {
  for (const char* const regex :
       {"^a",       "a$",         "a.b",   R"(\w+)",     R"(\d)",       R"(\h)",      R"(\bx)",
        "a{2}+",    "a{1,2}?",    "a{,3}", "[a&&b]",     "[[:alpha:]]", "(?<name>a)", "(?x:a)",
        R"((a)\1)", R"(\p{Han})", "[a",    R"([\P{L}])", "\\",          "a{",         "[]a]"}) {
    std::string refused;
    translate_regex(regex, refused);
    EXPECT_FALSE(refused.empty()) << regex;
    EXPECT_THROW(split_regex(regex, "a"), InputError) << regex;
  }
  EXPECT_THROW(split_regex("(a", "a"), InputError);
  EXPECT_THROW(split({{"Glob", "*"}}, "a"), InputError);
}

TEST(SplitPattern, GivesUpOnRunawayPatterns) {
  EXPECT_THROW(split_regex("(a|aa)+[bc]", std::string(5000, 'a')), InputError);
  // A few million steps at a position, but at each of 400.
  EXPECT_THROW(split_regex("(?:a|b)*(?:a|c)*(?:a|d)*[xy]", std::string(400, 'a')), InputError);
}

TEST(SplitPattern, TakesLongRunsInItsStride) {
  const std::string spaces(2'000'000, ' ');
  const std::string regex = R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  EXPECT_EQ(split_regex(regex, spaces + "x").size(), 3U);
}

}  // namespace
}  // namespace lacuna
