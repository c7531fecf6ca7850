#include "worker/engine/continuation_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/worker/tokenizer/small_tokenizer.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Json;
using testing::Merges;
using testing::Numbers;

Numbers to_numbers(const std::vector<TokenId>& ids) {
  Numbers numbers;
  for (const TokenId id : ids) numbers.push_back(id.value());
  return numbers;
}

std::vector<TokenId> to_ids(const Numbers& numbers) {
  std::vector<TokenId> ids;
  for (const auto number : numbers) ids.emplace_back(number);
  return ids;
}

Tokenizer make_tokenizer(const Merges& merges = {}) {
  return Tokenizer::parse(testing::make_byte_level(merges).dump());
}

// "<s>" has id 300 and is put in front of every text.
Tokenizer make_beginning_tokenizer() {
  Json json = testing::make_byte_level({});
  json["added_tokens"].push_back(testing::make_added_token(300, "<s>", true));
  json["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"pair", Json::array()},
      {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {300}}, {"tokens", {"<s>"}}}}}}};
  return Tokenizer::parse(json.dump());
}

EncodedPairs encode(const Tokenizer& tokenizer, std::string_view context,
                    const std::vector<std::string>& continuations,
                    SpecialTokens special = SpecialTokens::kNone) {
  return encode_pairs(tokenizer, context, continuations, special, QuestionId("q/7"));
}

TEST(EncodePairs, TheContinuationIsWhatTheContextDoesNotHave) {
  const EncodedPairs pairs = encode(make_tokenizer({{"\u0120", "A"}}), "Q:", {" A", " AB", "C"});
  EXPECT_THAT(to_numbers(pairs.context_ids), ElementsAre('Q', ':'));
  ASSERT_EQ(pairs.continuation_ids.size(), 3U);
  EXPECT_THAT(to_numbers(pairs.continuation_ids[0]), ElementsAre(256));
  EXPECT_THAT(to_numbers(pairs.continuation_ids[1]), ElementsAre(256, 'B'));
  EXPECT_THAT(to_numbers(pairs.continuation_ids[2]), ElementsAre('C'));
}

TEST(EncodePairs, WhiteSpaceAtTheEndOfTheContextBelongsToTheContinuation) {
  const Tokenizer tokenizer = make_tokenizer({{"\u0120", "A"}});
  const EncodedPairs space = encode(tokenizer, "Q: ", {"A"});
  EXPECT_THAT(to_numbers(space.context_ids), ElementsAre('Q', ':'));
  EXPECT_THAT(to_numbers(space.continuation_ids[0]), ElementsAre(256)) << "as one token";
  const EncodedPairs lines = encode(tokenizer, "Q:\n\t\n", {"A"});
  EXPECT_THAT(to_numbers(lines.context_ids), ElementsAre('Q', ':'));
  EXPECT_THAT(to_numbers(lines.continuation_ids[0]), ElementsAre('\n', '\t', '\n', 'A'));
  // Python's white space: U+3000 and U+001F count, U+200B does not.
  EXPECT_THAT(to_numbers(encode(tokenizer, "Q\u3000\x1F", {"A"}).continuation_ids[0]),
              ElementsAre(0xE3, 0x80, 0x80, 0x1F, 'A'));
  EXPECT_THAT(to_numbers(encode(tokenizer, "Q\u200B", {"A"}).continuation_ids[0]), ElementsAre('A'));
}

// The definition counts tokens; it does not look at them.
TEST(EncodePairs, ATokenAcrossTheBoundaryIsCutOffByCount) {
  const EncodedPairs pairs = encode(make_tokenizer({{"b", "c"}}), "ab", {"cde"});
  EXPECT_THAT(to_numbers(pairs.context_ids), ElementsAre('a', 'b'));
  EXPECT_THAT(to_numbers(pairs.continuation_ids[0]), ElementsAre('d', 'e')) << "of a, bc, d, e";
}

TEST(EncodePairs, AContinuationWithoutTokensIsRefusedByQuestion) {
  const Tokenizer tokenizer = make_tokenizer({{"a", "b"}});
  try {
    encode(tokenizer, "a", {"c", "b"});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("question 'q/7'"), HasSubstr("continuation 'b' has no tokens")));
  }
  EXPECT_THROW(encode(tokenizer, "a", {""}), InputError);
}

TEST(EncodeText, ABeginTokenThatIsThereIsNotAddedAgain) {
  const Tokenizer tokenizer = make_beginning_tokenizer();
  const auto encoded = [&](const char* text, SpecialTokens special) {
    return to_numbers(encode_text(tokenizer, text, special));
  };
  EXPECT_THAT(encoded("a", SpecialTokens::kNone), ElementsAre('a'));
  EXPECT_THAT(encoded("a", SpecialTokens::kAlways), ElementsAre(300, 'a'));
  EXPECT_THAT(encoded("<s>a", SpecialTokens::kAlways), ElementsAre(300, 300, 'a'));
  EXPECT_THAT(encoded("a", SpecialTokens::kUnlessThere), ElementsAre(300, 'a'));
  EXPECT_THAT(encoded("<s>a", SpecialTokens::kUnlessThere), ElementsAre(300, 'a'));
  EXPECT_THAT(encoded("a<s>", SpecialTokens::kUnlessThere), ElementsAre(300, 'a', 300));
  EXPECT_THAT(to_numbers(encode_text(make_tokenizer(), "a", SpecialTokens::kUnlessThere)), ElementsAre('a'));
  const EncodedPairs pairs = encode(tokenizer, "a", {"b"}, SpecialTokens::kUnlessThere);
  EXPECT_THAT(to_numbers(pairs.context_ids), ElementsAre(300, 'a'));
  EXPECT_THAT(to_numbers(pairs.continuation_ids[0]), ElementsAre('b'));
}

TEST(ContinuePrompt, ThePromptMayHoldTheWhiteSpaceThatIsScored) {
  const Tokenizer tokenizer = make_tokenizer();
  const auto prompt = tokenizer.encode("Q:\n\n", false);
  const auto continuations = continue_prompt(prompt, encode(tokenizer, "Q:\n\n", {"A", "BC"}));
  ASSERT_TRUE(continuations.has_value());
  EXPECT_EQ(continuations->scored_prompt_tokens, 2);
  ASSERT_EQ(continuations->tokens.size(), 2U);
  EXPECT_THAT(to_numbers(continuations->tokens[0]), ElementsAre('A'));
  EXPECT_THAT(to_numbers(continuations->tokens[1]), ElementsAre('B', 'C'));
}

TEST(ContinuePrompt, PromptsThatDoNotFitServeNobodyElse) {
  const Tokenizer tokenizer = make_tokenizer({{"\u0120", "A"}});
  EXPECT_FALSE(continue_prompt(tokenizer.encode("Q: ", false), encode(tokenizer, "Q: ", {"A", "B"})))
      << "the space is one token with A";
  const EncodedPairs pairs{.context_ids = to_ids({1, 2, 3}), .continuation_ids = {to_ids({4})}};
  EXPECT_FALSE(continue_prompt(to_ids({1, 2}), pairs)) << "shorter than the context";
  EXPECT_FALSE(continue_prompt(to_ids({1, 9, 3}), pairs)) << "another context";
  EXPECT_FALSE(continue_prompt(to_ids({1, 2, 3, 4, 5}), pairs)) << "longer than context and continuation";
  EXPECT_TRUE(continue_prompt(to_ids({1, 2, 3}), pairs));
  EXPECT_TRUE(continue_prompt(to_ids({1, 2, 3, 4}), pairs));
}

}  // namespace
}  // namespace lacuna
