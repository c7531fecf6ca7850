#include "core/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace lacuna {
namespace {

const std::string kBad = "\uFFFD";

TEST(Utf8, KeepsWellFormedText) {
  const std::string text = "a\u00e9\u20ac\U0001F600\U0010FFFF\u07FF\u0800\uFFFF";
  EXPECT_TRUE(utf8::is_well_formed(text));
  EXPECT_EQ(utf8::repair(text), text);
  EXPECT_EQ(utf8::count(text), 8U);
  EXPECT_TRUE(utf8::is_well_formed(std::string(1, '\0')));
}

// The cases of Unicode 16, tables 3-8 to 3-11, and Python's bytes.decode(errors="replace").
TEST(Utf8, ReplacesEachMaximalIllFormedPart) {
  EXPECT_EQ(utf8::repair("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A");
  EXPECT_EQ(utf8::repair("\xED\xA0\x80\xED\xBF\xBF\x41"), kBad + kBad + kBad + kBad + kBad + kBad + "A");
  EXPECT_EQ(utf8::repair("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            kBad + kBad + kBad + kBad + kBad + "A" + kBad + kBad + "B");
  EXPECT_EQ(utf8::repair("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), kBad + kBad + kBad + kBad + "A");
  EXPECT_EQ(utf8::repair("\xE2\x82"), kBad);
  EXPECT_EQ(utf8::repair("\xF0\x9F\x98"), kBad);
  EXPECT_FALSE(utf8::is_well_formed("a\xE2\x82"));
  EXPECT_FALSE(utf8::is_well_formed("\xC1\xBF"));
}

TEST(Utf8, WritesWhatItReads) {
  for (const char32_t point :
       {U'\0', U'\x7F', U'\x80', U'\x7FF', U'\x800', U'\xFFFF', U'\x10000', U'\x10FFFF'}) {
    std::string text;
    utf8::append(text, point);
    const auto read = utf8::read(text, 0);
    EXPECT_EQ(read.value, point);
    EXPECT_EQ(read.length, text.size());
    EXPECT_TRUE(read.well_formed);
  }
  std::string surrogate;
  utf8::append(surrogate, 0xD800);
  EXPECT_EQ(surrogate, kBad);
}

TEST(Utf8, AdvancesByCodePoints) {
  const std::string text = "a\u00e9\u20acb";
  EXPECT_EQ(utf8::advance(text, 0, 2), 3U);
  EXPECT_EQ(utf8::advance(text, 3, 1), 6U);
  EXPECT_EQ(utf8::advance(text, 0, 99), text.size());
}

TEST(Utf8, KnowsWhiteSpace) {
  for (const char32_t point :
       {0x09, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x202F, 0x3000}) {
    EXPECT_TRUE(utf8::is_white_space(point)) << std::hex << static_cast<unsigned>(point);
  }
  for (const char32_t point : {0x1C, 0x180E, 0x200B, 0xFEFF, 0x61}) EXPECT_FALSE(utf8::is_white_space(point));
  EXPECT_TRUE(utf8::is_python_space(0x1C));
  EXPECT_FALSE(utf8::is_python_space(0xFEFF));
}

}  // namespace
}  // namespace lacuna
