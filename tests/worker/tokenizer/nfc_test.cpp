#include "worker/tokenizer/nfc.h"

#include <gtest/gtest.h>

#include <string>

namespace lacuna {
namespace {

TEST(Nfc, Composes) {
  EXPECT_EQ(normalize_nfc("Cafe\u0301!"), "Caf\u00e9!");
  EXPECT_EQ(normalize_nfc("\u212B"), "\u00C5");                // Angstrom sign
  EXPECT_EQ(normalize_nfc("\u1100\u1161\u11A8"), "\uAC01");    // Hangul
  EXPECT_EQ(normalize_nfc("e\u0323\u0302"), "\u1EC7");         // two marks
  EXPECT_EQ(normalize_nfc("e\u0302\u0323"), "\u1EC7");         // in the other order
  EXPECT_EQ(normalize_nfc("\u0958"), "\u0915\u093C");          // composition exclusion
  EXPECT_EQ(normalize_nfc("\u00e9\u0301a"), "\u00e9\u0301a");  // nothing left to compose with
  EXPECT_EQ(normalize_nfc("\uF900"), "\u8C48");                // singleton
  EXPECT_EQ(normalize_nfc("\uFF21"), "\uFF21");                // compatibility only
  EXPECT_EQ(normalize_nfc(""), "");
}

// U+11A7 stands just before the trailing consonants; utf8proc 2.8 swallows it after a syllable.
TEST(Nfc, KeepsTheVowelBeforeTheTrailingConsonants) {
  EXPECT_EQ(normalize_nfc("\uAC00\u11A7"), "\uAC00\u11A7");
  EXPECT_EQ(normalize_nfc("\u1100\u1161\u11A7"), "\uAC00\u11A7");
  EXPECT_EQ(normalize_nfc("\uAC00\u11A8"), "\uAC01");
}

// The reference library's tables are those of Unicode 9: younger marks are not reordered, younger letters not
// composed.
TEST(Nfc, LeavesCodePointsAfterUnicode9Alone) {
  EXPECT_EQ(normalize_nfc("a\u1DF6\u0323"), "a\u1DF6\u0323");  // Unicode 10, class 232; U+0323 has 220
  EXPECT_EQ(normalize_nfc("a\u0301\u1DF6"), "\u00E1\u1DF6");
  EXPECT_EQ(normalize_nfc("a\u1DF6\u0301"), "a\u1DF6\u0301");
  EXPECT_EQ(normalize_nfc("\U00011935\U00011930"), "\U00011935\U00011930");
  EXPECT_EQ(normalize_nfc("\U00011938"), "\U00011938");
}

TEST(Nfc, TakesLinearTimeOnManyMarks) {
  std::string marks = "a";
  for (int i = 0; i < 300'000; ++i) marks += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string normalized = normalize_nfc(marks);  // would take minutes if every mark moved one by one
  EXPECT_TRUE(normalized.starts_with("\u1EA1\u0323"));
  EXPECT_TRUE(normalized.ends_with("\u0301"));
}

TEST(Nfc, KnowsTrivialText) {
  EXPECT_TRUE(is_trivially_nfc("plain \u00e9\u02FF"));
  EXPECT_FALSE(is_trivially_nfc("e\u0300"));
  EXPECT_FALSE(is_trivially_nfc("\u4E00"));
}

}  // namespace
}  // namespace lacuna
