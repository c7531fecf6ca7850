// Small tokenizers, worked out by hand: each component of a tokenizer.json by itself.
#include "worker/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/worker/tokenizer/small_tokenizer.h"

namespace lacuna {
namespace {

using testing::decode;
using testing::encode;
using testing::Json;
using testing::make_added_token;
using testing::make_byte_level;
using testing::make_metaspace;
using testing::Numbers;

TEST(ByteLevelTokenizer, MergesLowestRankFirstAndLeftmost) {
  const Json json = make_byte_level({{"b", "c"}, {"a", "b"}, {"a", "a"}, {"aa", "a"}});
  EXPECT_EQ(encode(json, "abc"), (Numbers{'a', 256}));  // bc before ab
  EXPECT_EQ(encode(json, "ab"), (Numbers{257}));
  EXPECT_EQ(encode(json, "aaa"), (Numbers{259}));  // aa on the left, then aaa
  EXPECT_EQ(encode(json, "aaaaa"), (Numbers{258, 259}));
  EXPECT_EQ(encode(json, ""), Numbers{});
}

// The queue for long words and the scan for short ones must agree.
TEST(ByteLevelTokenizer, MergesLongWordsLikeShortOnes) {
  const Json json = make_byte_level({{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}, {"b", "a"}, {"ba", "aa"}});
  EXPECT_EQ(encode(json, std::string(8, 'a')), (Numbers{258}));
  Numbers expected(1000, 258);
  EXPECT_EQ(encode(json, std::string(8000, 'a')), expected);
  std::string mixed;
  expected.clear();
  for (int i = 0; i < 500; ++i) {
    mixed += "baaa";  // aa first: b aa a, then ba cannot; so b, aa, a
    expected.insert(expected.end(), {'b', 256, 'a'});
  }
  EXPECT_EQ(encode(json, "baaa"), (Numbers{'b', 256, 'a'}));
  EXPECT_EQ(encode(json, mixed), expected);
}

TEST(ByteLevelTokenizer, OfTwoEqualMergesTheLaterCounts) {
  Json json = make_byte_level({{"a", "b"}, {"b", "c"}});
  json["model"]["merges"].push_back({"a", "b"});
  EXPECT_EQ(encode(json, "abc"), (Numbers{'a', 257}));
}

TEST(ByteLevelTokenizer, ReadsMergesAsStringsToo) {
  Json json = make_byte_level({{"a", "b"}});
  json["model"]["merges"] = Json::array({"a b"});
  EXPECT_EQ(encode(json, "ab"), (Numbers{256}));
}

TEST(ByteLevelTokenizer, IgnoresMergesForWholeWordsIfAsked) {
  Json json = make_byte_level({{"a", "b"}});
  json["model"]["vocab"]["abc"] = 300;  // no merge makes it
  EXPECT_EQ(encode(json, "abc"), (Numbers{256, 'c'}));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(encode(json, "abc"), (Numbers{300}));
  EXPECT_EQ(encode(json, "abcc"), (Numbers{256, 'c', 'c'}));
}

TEST(ByteLevelTokenizer, SplitsByThePatternOfGpt2) {
  const Json json = make_byte_level({{"\u0120", "a"}});
  const Tokenizer tokenizer = Tokenizer::parse(json.dump());
  EXPECT_EQ(tokenizer.split_words("I'm  a b1\n"),
            (std::vector<std::string>{"I", "'m", " ", " a", " b", "1", "\n"}));
  EXPECT_EQ(encode(json, "a a"), (Numbers{'a', 256}));
}

TEST(ByteLevelTokenizer, PutsASpaceInFrontIfAsked) {
  Json json = make_byte_level({{"\u0120", "a"}});
  json["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_EQ(encode(json, "a"), (Numbers{256}));
  EXPECT_EQ(encode(json, " a"), (Numbers{256}));
  EXPECT_EQ(encode(json, ""), Numbers{});
}

TEST(ByteLevelTokenizer, RepairsBytesThatAreNotUtf8) {
  const Json json = make_byte_level({});
  EXPECT_EQ(encode(json, "\xE2\x82g"), (Numbers{0xEF, 0xBF, 0xBD, 'g'}));
  EXPECT_EQ(decode(json, {0xE2, 0x82, 'g', 0xFF}), "\uFFFDg\uFFFD");
  EXPECT_EQ(decode(json, {0xE2, 0x82, 0xAC}), "\u20ac");
}

TEST(ByteLevelTokenizer, DropsBytesWithoutATokenUnlessThereIsAnUnknownOne) {
  Json json = make_byte_level({{"a", "b"}});
  json["model"]["vocab"].erase("x");
  EXPECT_EQ(encode(json, "axb"), (Numbers{256}));  // dropped before merging, as in the reference
  json["model"]["vocab"]["<unk>"] = 400;
  json["model"]["unk_token"] = "<unk>";
  EXPECT_EQ(encode(json, "axxb"), (Numbers{'a', 400, 400, 'b'}));
  json["model"]["fuse_unk"] = true;
  EXPECT_EQ(encode(json, "axxb"), (Numbers{'a', 400, 'b'}));
}

TEST(ByteLevelTokenizer, NormalizesEachGapByItself) {
  Json json = make_byte_level({});
  json["normalizer"] = {{"type", "NFC"}};
  json["added_tokens"] = Json::array({make_added_token(300, "<e>", true)});
  EXPECT_EQ(encode(json, "e\u0301"), (Numbers{0xC3, 0xA9}));
  EXPECT_EQ(encode(json, "e<e>\u0301"), (Numbers{'e', 300, 0xCC, 0x81}));
}

TEST(ByteLevelTokenizer, SplitsByARegexThenSpellsBytes) {
  Json json = make_byte_level({{"a", "b"}});
  json["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Split"}, {"pattern", {{"Regex", "a|b"}}}, {"behavior", "Isolated"}, {"invert", false}},
        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
  EXPECT_EQ(encode(json, "ab"), (Numbers{'a', 'b'}));
  json["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  EXPECT_EQ(encode(json, "ab ab"), (Numbers{256, ' ', 256}));
}

TEST(AddedTokens, AreFoundLeftmostLongest) {
  Json json = make_byte_level({});
  json["added_tokens"] =
      Json::array({make_added_token(300, "<a>", true), make_added_token(301, "<a><b>", false),
                   make_added_token(302, "b><", true)});
  EXPECT_EQ(encode(json, "<a><b><a>"), (Numbers{301, 300}));
  EXPECT_EQ(encode(json, "x<a>y"), (Numbers{'x', 300, 'y'}));
  EXPECT_EQ(encode(json, "<<a>"), (Numbers{'<', 300}));
  EXPECT_EQ(encode(json, "<a"), (Numbers{'<', 'a'}));
}

TEST(AddedTokens, SpecialOnesAreSkippedOnRequest) {
  Json json = make_byte_level({});
  json["added_tokens"] =
      Json::array({make_added_token(300, "<s>", true), make_added_token(301, "<t>", false)});
  EXPECT_EQ(decode(json, {300, 'a', 301, 299, 5000, -1}), "<s>a<t>");
  EXPECT_EQ(decode(json, {300, 'a', 301}, true), "a<t>");
  const Tokenizer tokenizer = Tokenizer::parse(json.dump());
  EXPECT_TRUE(tokenizer.is_special(TokenId(300)));
  EXPECT_FALSE(tokenizer.is_special(TokenId(301)));
  EXPECT_FALSE(tokenizer.is_special(TokenId(-5)));
  EXPECT_EQ(tokenizer.vocabulary_size(), 302U);
  EXPECT_EQ(tokenizer.find_token("<t>"), TokenId(301));
  EXPECT_EQ(tokenizer.find_token("\u0120"), TokenId(' '));
  EXPECT_EQ(tokenizer.find_token("nope"), std::nullopt);
  EXPECT_EQ(tokenizer.find_text(TokenId(300)), "<s>");
  EXPECT_EQ(tokenizer.find_text(TokenId(299)), std::nullopt);
}

TEST(AddedTokens, MayTakeWhiteSpaceAlong) {
  Json json = make_byte_level({});
  json["added_tokens"] =
      Json::array({make_added_token(300, "<l>", true), make_added_token(301, "<r>", true)});
  json["added_tokens"][0]["lstrip"] = true;
  json["added_tokens"][1]["rstrip"] = true;
  EXPECT_EQ(encode(json, "a \u3000<l> b"), (Numbers{'a', 300, ' ', 'b'}));
  EXPECT_EQ(encode(json, "a <r>\n b"), (Numbers{'a', ' ', 301, 'b'}));
  EXPECT_EQ(encode(json, "<r>  <l>"), (Numbers{301, 300}));
}

TEST(AddedTokens, NormalizedOnesAreFoundInNormalizedText) {
  Json json = make_byte_level({});
  json["normalizer"] = {{"type", "NFC"}};
  json["added_tokens"] = Json::array({make_added_token(300, "\u1EC7", false)});
  EXPECT_EQ(encode(json, "e\u0323\u0302"), (Numbers{0xE1, 0xBB, 0x87}));  // the raw text does not hold it
  json["added_tokens"][0]["normalized"] = true;
  EXPECT_EQ(encode(json, "xe\u0323\u0302"), (Numbers{'x', 300}));
}

TEST(PostProcessor, PutsSpecialTokensAround) {
  Json json = make_byte_level({});
  json["added_tokens"] =
      Json::array({make_added_token(300, "<s>", true), make_added_token(301, "</s>", true)});
  json["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single",
                             {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                              {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
                              {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}}}},
                            {"pair", Json::array()},
                            {"special_tokens",
                             {{"<s>", {{"id", "<s>"}, {"ids", {300}}, {"tokens", {"<s>"}}}},
                              {"</s>", {{"id", "</s>"}, {"ids", {301}}, {"tokens", {"</s>"}}}}}}};
  EXPECT_EQ(encode(json, "a", true), (Numbers{300, 'a', 301}));
  EXPECT_EQ(encode(json, "a", false), (Numbers{'a'}));
  EXPECT_EQ(encode(json, "", true), (Numbers{300, 301}));
  EXPECT_EQ(encode(json, "<s>", true), (Numbers{300, 300, 301}));
}

const std::vector<std::string> kCharacters = {"\u2581", "a", "b", "c"};  // 256, 257, 258, 259

TEST(MetaspaceTokenizer, WritesSpacesAndPutsOneInFrontOfTheText) {
  Json json = make_metaspace(kCharacters, {{"\u2581", "a"}, {"a", "b"}, {"\u2581", "\u2581"}});
  json["added_tokens"] = Json::array({make_added_token(300, "<s>", true)});
  EXPECT_EQ(encode(json, "ab"), (Numbers{260, 258}));
  EXPECT_EQ(encode(json, " ab"), (Numbers{260, 258}));        // there is one already
  EXPECT_EQ(encode(json, "  ab"), (Numbers{256, 260, 258}));  // the pair goes last
  EXPECT_EQ(encode(json, "<s>ab"), (Numbers{300, 261}));      // not at the start of the text
  EXPECT_EQ(encode(json, "c<s>"), (Numbers{256, 259, 300}));
  EXPECT_EQ(encode(json, "\u2581c"), (Numbers{256, 259}));  // as good as a space
  EXPECT_EQ(encode(json, ""), Numbers{});
}

TEST(MetaspaceTokenizer, FallsBackToBytes) {
  const Json json = make_metaspace(kCharacters, {{"a", "b"}});
  EXPECT_EQ(encode(json, "a\u00e9b\n"), (Numbers{256, 257, 0xC3, 0xA9, 258, 0x0A}));
  EXPECT_EQ(encode(json, "<0x41>"), (Numbers{256, '<', '0', 'x', '4', '1', '>'}));
}

// Words are cut where no merge can cross; a merge across several characters must still be found.
TEST(MetaspaceTokenizer, MergesAcrossWordsWhereTheVocabularyDoes) {
  const Json json = make_metaspace(kCharacters, {{"a", "\u2581"}, {"a\u2581", "b"}});
  EXPECT_EQ(encode(json, "a b"), (Numbers{256, 261}));
  EXPECT_EQ(encode(json, "a c b"), (Numbers{256, 260, 259, 256, 258}));
}

TEST(MetaspaceTokenizer, SplitsBeforeSpacesIfAsked) {
  Json json = make_metaspace(kCharacters, {{"a", "\u2581"}});
  EXPECT_EQ(encode(json, "a a"), (Numbers{256, 260, 257}));
  json["pre_tokenizer"]["split"] = true;
  EXPECT_EQ(encode(json, "a a"), (Numbers{256, 257, 256, 257}));
  EXPECT_EQ(Tokenizer::parse(json.dump()).split_words("a  b"),
            (std::vector<std::string>{"\u2581a", "\u2581", "\u2581b"}));
  json["pre_tokenizer"]["prepend_scheme"] = "never";
  EXPECT_EQ(encode(json, "a a"), (Numbers{257, 256, 257}));
}

TEST(MetaspaceTokenizer, DecodesRunsOfBytesAsAWhole) {
  const Json json = make_metaspace(kCharacters, {});
  EXPECT_EQ(decode(json, {256, 257, 256, 258}), "a b");
  EXPECT_EQ(decode(json, {256, 256, 257}), " a");  // one leading space goes
  EXPECT_EQ(decode(json, {0xC3, 0xA9}), "\u00e9");
  EXPECT_EQ(decode(json, {0x0A, 0xC3, 257, 0xA9}), "\uFFFD\uFFFDa\uFFFD");  // valid bytes of a bad run too
}

TEST(Decoder, NullJoinsWithSpacesAndMetaspaceUndoesItself) {
  Json json = make_metaspace(kCharacters, {});
  json["decoder"] = nullptr;
  EXPECT_EQ(decode(json, {257, 258}), "a b");
  json["decoder"] = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}, {"split", true}};
  EXPECT_EQ(decode(json, {256, 257, 256, 258}), "a b");
  json["decoder"]["prepend_scheme"] = "never";
  EXPECT_EQ(decode(json, {256, 257, 256, 258}), " a b");
}

TEST(Normalizer, OldStyleSentencePieceFilesWork) {
  Json json = make_metaspace(kCharacters, {{"\u2581", "a"}});
  json["pre_tokenizer"] = nullptr;
  json["normalizer"] = {{"type", "Sequence"},
                        {"normalizers",
                         {{{"type", "Prepend"}, {"prepend", "\u2581"}},
                          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}}}};
  EXPECT_EQ(encode(json, "a a"), (Numbers{260, 260}));
  EXPECT_EQ(encode(json, ""), Numbers{});
}

TEST(Tokenizer, CleansUpSpacesInTheOrderOfTransformers) {
  EXPECT_EQ(Tokenizer::clean_up_spaces("Hi , you ! Is n't it 's 've 're 'm ' x ' ? ok ."),
            "Hi, you! Isn't it's've're'm'x '? ok.");
  EXPECT_EQ(Tokenizer::clean_up_spaces(" .  .'d"), ". .'d");
}

TEST(Tokenizer, MayBeUsedByManyThreads) {
  const Tokenizer tokenizer = Tokenizer::parse(make_byte_level({{"a", "b"}, {"\u0120", "ab"}}).dump());
  const auto expected = tokenizer.encode("ab ab cab", true);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) count += tokenizer.encode("ab ab cab", true) == expected ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

// The cache of words is emptied when it is full; ids must not depend on it.
TEST(Tokenizer, GivesTheSameIdsWithAFullCache) {
  const Tokenizer tokenizer = Tokenizer::parse(make_byte_level({{"1", "2"}, {"12", "3"}}).dump());
  const auto expected = tokenizer.encode("123 7", false);
  for (int i = 0; i < 80'000; ++i) EXPECT_FALSE(tokenizer.encode(std::to_string(i), false).empty());
  EXPECT_EQ(tokenizer.encode("123 7", false), expected);
}

}  // namespace
}  // namespace lacuna
