// What a tokenizer.json may not hold: every unsupported or damaged component is refused by its name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "core/error.h"
#include "tests/worker/tokenizer/small_tokenizer.h"

namespace lacuna {
namespace {

using ::testing::HasSubstr;
using testing::Json;
using testing::make_added_token;
using testing::make_byte_level;

std::string refusal(const std::string& text) {
  try {
    static_cast<void>(Tokenizer::parse(text, "dir/tokenizer.json"));
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

std::string refusal_after(const std::function<void(Json&)>& change) {
  Json json = make_byte_level({{"a", "b"}});
  change(json);
  return refusal(json.dump());
}

TEST(TokenizerRefusal, AcceptsTheUnchangedFile) {
  EXPECT_EQ(refusal_after([](Json&) {}), "accepted");
}

TEST(TokenizerRefusal, NamesUnsupportedComponents) {
  const auto is_named = [](const char* section, const char* type) {
    const std::string text = refusal_after([&](Json& json) { json[section] = {{"type", type}}; });
    EXPECT_THAT(text, HasSubstr(type));
    EXPECT_THAT(text, HasSubstr(section));
    EXPECT_THAT(text, HasSubstr("dir/tokenizer.json"));
  };
  is_named("normalizer", "NFKC");
  is_named("normalizer", "BertNormalizer");
  is_named("pre_tokenizer", "Whitespace");
  is_named("pre_tokenizer", "Digits");
  is_named("post_processor", "RobertaProcessing");
  is_named("decoder", "WordPiece");
  is_named("model", "Unigram");
}

TEST(TokenizerRefusal, NamesUnsupportedSettings) {
  EXPECT_THAT(refusal_after([](Json& json) {
                json["truncation"] = {{"max_length", 5}};
              }),
              HasSubstr("truncation"));
  EXPECT_THAT(refusal_after([](Json& json) { json["padding"] = {{"strategy", "x"}}; }), HasSubstr("padding"));
  EXPECT_THAT(refusal_after([](Json& json) { json["surprise"] = 1; }), HasSubstr("surprise"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["dropout"] = 0.1; }), HasSubstr("dropout"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["continuing_subword_prefix"] = "##"; }),
              HasSubstr("continuing_subword_prefix"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["end_of_word_suffix"] = "</w>"; }),
              HasSubstr("end_of_word_suffix"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["byte_fallback"] = true; }),
              HasSubstr("byte_fallback"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["new_option"] = 1; }), HasSubstr("new_option"));
  EXPECT_THAT(
      refusal_after([](Json& json) {
        json["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "Removed"}};
      }),
      HasSubstr("Removed"));
  EXPECT_THAT(refusal_after([](Json& json) {
                json["added_tokens"] = Json::array({make_added_token(300, "<s>", true)});
                json["added_tokens"][0]["single_word"] = true;
              }),
              HasSubstr("single_word"));
  EXPECT_EQ(refusal_after([](Json& json) { json["model"]["dropout"] = 0.0; }), "accepted");
  EXPECT_EQ(refusal_after([](Json& json) { json["model"]["end_of_word_suffix"] = ""; }), "accepted");
}

TEST(TokenizerRefusal, NamesWhatIsInconsistent) {
  EXPECT_THAT(refusal_after([](Json& json) {
                json["model"]["merges"].push_back({"a", "zz"});
              }),
              HasSubstr("`zz`"));
  EXPECT_THAT(refusal_after([](Json& json) {
                json["model"]["merges"].push_back({"a", "c"});
              }),
              HasSubstr("`ac`"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["merges"].push_back("abc"); }),
              HasSubstr("merge 1"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["merges"].push_back("a b c"); }),
              HasSubstr("merge 1"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["vocab"]["q2"] = 5; }), HasSubstr("id 5"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["vocab"]["q2"] = -1; }), HasSubstr("q2"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["vocab"]["q2"] = 4'000'000'000; }),
              HasSubstr("q2"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"]["unk_token"] = "<none>"; }), HasSubstr("<none>"));
  EXPECT_THAT(refusal_after([](Json& json) { json["model"].erase("vocab"); }), HasSubstr("vocab"));
  EXPECT_THAT(refusal_after([](Json& json) { json.erase("model"); }), HasSubstr("model"));
  const auto with_tokens = [](const Json& tokens) {
    return refusal_after([&](Json& json) { json["added_tokens"] = tokens; });
  };
  EXPECT_THAT(
      with_tokens(Json::array({make_added_token(300, "<s>", true), make_added_token(300, "<t>", true)})),
      HasSubstr("twice"));
  EXPECT_THAT(
      with_tokens(Json::array({make_added_token(300, "<s>", true), make_added_token(301, "<s>", true)})),
      HasSubstr("twice"));
  EXPECT_THAT(with_tokens(Json::array({make_added_token(300, "a", true)})), HasSubstr("contradicts"));
  EXPECT_THAT(with_tokens(Json::array({make_added_token(7, "<s>", true)})), HasSubstr("contradicts"));
  EXPECT_THAT(with_tokens(Json::array({make_added_token(300, "", true)})), HasSubstr("content"));
  EXPECT_EQ(with_tokens(Json::array({make_added_token('a', "a", true)})), "accepted");
}

TEST(TokenizerRefusal, MalformedFiles) {
  EXPECT_THAT(refusal("{\"model\": \n tru"), HasSubstr("dir/tokenizer.json:2"));
  EXPECT_THAT(refusal(""), HasSubstr("malformed JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("object"));
  EXPECT_THAT(refusal("{\"model\": \"\xFF\"}"), HasSubstr("malformed JSON"));
  EXPECT_THAT(refusal(std::string(100'000, '[')), HasSubstr("nested"));
  EXPECT_THAT(refusal(std::string(100'000, '{')), HasSubstr("nested"));
  EXPECT_THAT(refusal("{\"model\": 1e999}"), HasSubstr("malformed JSON"));
  EXPECT_THROW(static_cast<void>(Tokenizer::load("no/such/dir")), InputError);
}

TEST(TokenizerRefusal, DeepAndLongSequences) {
  Json normalizer = {{"type", "NFC"}};
  for (int i = 0; i < 50; ++i)
    normalizer = {{"type", "Sequence"}, {"normalizers", Json::array({normalizer})}};
  EXPECT_THAT(refusal_after([&](Json& json) { json["normalizer"] = normalizer; }), HasSubstr("nested"));
  Json many = Json::array();
  for (int i = 0; i < 1000; ++i) many.push_back({{"type", "Fuse"}});
  EXPECT_THAT(refusal_after([&](Json& json) {
                json["decoder"] = {{"type", "Sequence"}, {"decoders", many}};
              }),
              HasSubstr("more than"));
}

// Every step makes a text longer, so a few steps make a word fill the memory.
TEST(TokenizerRefusal, StepsThatMultiplyAText) {
  const auto repeat = [](const Json& step, std::size_t count) {
    Json steps = Json::array();
    for (std::size_t i = 0; i < count; ++i) steps.push_back(step);
    return steps;
  };
  const Json doubling = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  const auto with_section = [&](const char* section, const char* list, const Json& step, std::size_t count) {
    return refusal_after([&](Json& json) {
      json[section] = {{"type", "Sequence"}, {list, repeat(step, count)}};
    });
  };
  EXPECT_EQ(with_section("normalizer", "normalizers", doubling, 6), "accepted");
  EXPECT_THAT(with_section("normalizer", "normalizers", doubling, 7), HasSubstr("normalizers[6]"));
  EXPECT_EQ(with_section("decoder", "decoders", doubling, 6), "accepted");
  EXPECT_THAT(with_section("decoder", "decoders", doubling, 7), HasSubstr("longer"));
  EXPECT_THAT(with_section("normalizer", "normalizers", {{"type", "Prepend"}, {"prepend", "12345678"}}, 2),
              HasSubstr("longer"));
  EXPECT_THAT(
      with_section("pre_tokenizer", "pretokenizers", {{"type", "Metaspace"}, {"replacement", "    "}}, 3),
      HasSubstr("longer"));
}

// Found by fuzzing: an id that no embedding may have.
TEST(TokenizerRefusal, SpecialTokensOfThePostProcessorMustBeTokens) {
  const auto with_begin_id = [](int id) {
    return refusal_after([&](Json& json) {
      json["added_tokens"] = Json::array({make_added_token(300, "<s>", true)});
      json["post_processor"] = {
          {"type", "TemplateProcessing"},
          {"single",
           {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
            {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
          {"pair", Json::array()},
          {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {id}}, {"tokens", {"<s>"}}}}}}};
    });
  };
  EXPECT_EQ(with_begin_id(300), "accepted");
  EXPECT_THAT(with_begin_id(301), HasSubstr("the id 301 is not a token"));
}

}  // namespace
}  // namespace lacuna
