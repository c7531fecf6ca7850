#include "apps/demo_maker/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "apps/demo_maker/demo_families.h"
#include "tests/temporary_folder.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(BpeTrainer, MergesTheMostFrequentPairFirst) {
  // a-b: 5 + 2, b-c: 5, b-d: 2; then ab-c: 5, ab-d: 2.
  EXPECT_THAT(learn_merges({{"abc", 5}, {"abd", 2}}, 10, 2),
              ElementsAre(Pair("a", "b"), Pair("ab", "c"), Pair("ab", "d")));
}

TEST(BpeTrainer, BreaksTiesByOrder) {
  EXPECT_THAT(learn_merges({{"zy", 3}, {"ab", 3}}, 1, 1), ElementsAre(Pair("a", "b")));
}

TEST(BpeTrainer, StopsAtTheLimitsAndOnNothing) {
  EXPECT_THAT(learn_merges({{"abc", 5}}, 1, 1), ElementsAre(Pair("a", "b")));
  EXPECT_THAT(learn_merges({{"ab", 5}, {"cd", 4}}, 10, 5), ElementsAre(Pair("a", "b")));
  EXPECT_TRUE(learn_merges({}, 10, 1).empty());
  EXPECT_TRUE(learn_merges({{"", 3}, {"a", 9}}, 10, 1).empty());
}

TEST(BpeTrainer, MergesARunFromTheLeft) {
  // aaa: two overlapping pairs counted, one merge applied: aa a, then aaa.
  EXPECT_THAT(learn_merges({{"aaa", 4}}, 10, 1), ElementsAre(Pair("a", "a"), Pair("aa", "a")));
}

TEST(BpeTrainer, MakesEveryTokenOnce) {
  // "abc" can be reached as ab + c and as a + bc.
  const auto merges = learn_merges({{"abc", 9}, {"bc", 20}, {"ab", 12}, {"abcab", 3}, {"xabc", 7}}, 50, 1);
  std::set<std::string> made;
  for (const BpeMerge& merge : merges) EXPECT_TRUE(made.insert(merge.first + merge.second).second);
}

TEST(BpeTrainer, ListsBytesThenMerges) {
  const auto tokens = list_byte_level_tokens({{"a", "b"}});
  ASSERT_EQ(tokens.size(), 257U);
  EXPECT_EQ(tokens[0], std::string(1, '\0'));
  EXPECT_EQ(tokens[255], "\xFF");
  EXPECT_EQ(tokens[256], "ab");
}

class FamilyTokenizer : public ::testing::TestWithParam<DemoFamily> {};

TEST_P(FamilyTokenizer, ReadsWhatTheTrainerWroteAndLosesNothing) {
  const TemporaryFolder directory;
  const DemoFamily& family = GetParam();
  const auto merges = learn_merges({{" plum", 9}, {"\xC3\xA9t\xC3\xA9", 5}, {"[B", 4}}, 100, 1);
  write_tokenizer_files(directory.path(), family, merges);
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_EQ(tokenizer.vocabulary_size(), list_vocabulary(family, merges).size());
  EXPECT_EQ(tokenizer.encode(" plum", false).size(), 1U);
  EXPECT_EQ(tokenizer.encode("\xC3\xA9t\xC3\xA9", false).size(), 1U);
  EXPECT_EQ(tokenizer.encode("[B", false).size(), 1U);
  for (const std::string text :
       {"A. plum\nB. pear\n\n    x", "\xC3\xA9t\xC3\xA9 \xF0\x9F\x8D\x90\t'", "1234 [True/False]\n    "}) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false), false), text);
  }
  const auto special = tokenizer.encode("x" + family.end_token, true);
  EXPECT_TRUE(tokenizer.is_special(special.back()));
  EXPECT_EQ(tokenizer.find_text(special.back()), family.end_token);
  if (family.begin_token.empty()) {
    EXPECT_FALSE(tokenizer.is_special(special.front()));
  } else {
    EXPECT_EQ(tokenizer.find_text(special.front()), family.begin_token);
  }
}

INSTANTIATE_TEST_SUITE_P(All, FamilyTokenizer, ::testing::ValuesIn(demo_families()),
                         [](const auto& info) { return info.param.shape.family; });

}  // namespace
}  // namespace lacuna::testing
