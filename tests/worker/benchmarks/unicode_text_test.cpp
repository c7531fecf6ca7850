#include "worker/benchmarks/unicode_text.h"

#include <gtest/gtest.h>

namespace lacuna {
namespace {

TEST(UnicodeText, RefusesWhatIsNotUtf8) {
  EXPECT_FALSE(find_invalid_utf8("aé€😀"));
  EXPECT_EQ(find_invalid_utf8("a\xC0\x80"), 1U);           // overlong
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U);        // surrogate
  EXPECT_EQ(find_invalid_utf8("ab\xF4\x90\x80\x80"), 2U);  // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("\xE2\x82"), 0U);            // cut off
  EXPECT_EQ(find_invalid_utf8("\x80"), 0U);
}

TEST(UnicodeText, DecodesBackwardsAsForwards) {
  const std::string text = "é😀\x80x";
  EXPECT_EQ(decode_character_before(text, 2).code_point, 0xE9U);
  EXPECT_EQ(decode_character_before(text, 6).code_point, 0x1F600U);
  EXPECT_EQ(decode_character_before(text, 7).code_point, kInvalidCodePoint);
  EXPECT_EQ(decode_character_before(text, 8).code_point, U'x');
}

TEST(UnicodeText, TrimsPythonsWhiteSpace) {
  EXPECT_EQ(trim_white_space("\xC2\xA0\x1C\xE3\x80\x80 a b\xE2\x80\xA8\x85"),
            "a b\xE2\x80\xA8\x85");  // \x85 alone
  EXPECT_EQ(trim_white_space("\xC2\x85\t\n"), "");
  EXPECT_EQ(trim_white_space("\xE2\x80\x8B"
                             "a"),
            "\xE2\x80\x8B"
            "a");  // U+200B is no white space
}

TEST(UnicodeText, CountsCharacters) {
  EXPECT_EQ(count_characters("aé😀"), 3U);
}

TEST(UnicodeText, IgnoresCaseOfTheScriptsItKnows) {
  EXPECT_EQ(to_lower("AÉŸΩЖЀŁ"), "aéŸωжѐł");
  EXPECT_EQ(to_lower("×ß\xFF"), "×ß\xFF");
}

}  // namespace
}  // namespace lacuna
