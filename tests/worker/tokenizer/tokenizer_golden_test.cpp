// Every golden record of the three real tokenizers: ids, decoded text, words.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/worker/tokenizer/golden_records.h"
#include "worker/tokenizer/base64.h"
#include "worker/tokenizer/chat_template.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {
namespace {

using testing::read_records;
using testing::to_numbers;
using testing::to_token_ids;
using Numbers = std::vector<TokenId::rep>;

class TokenizerGolden : public ::testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] std::filesystem::path dir() const { return testing::tokenizer_dir(GetParam()); }
  // Loaded once per family, not once per test.
  [[nodiscard]] const Tokenizer& tokenizer() const {
    static std::map<std::string, Tokenizer> loaded;
    const auto found = loaded.find(GetParam());
    if (found != loaded.end()) return found->second;
    return loaded.emplace(GetParam(), Tokenizer::load(dir())).first->second;
  }
};

TEST_P(TokenizerGolden, Encodes) {
  LACUNA_NEEDS_REFERENCE("reference/tokenizers");
  const auto records = read_records(dir() / "golden_encode.jsonl");
  ASSERT_FALSE(records.empty());
  for (const auto& record : records) {
    const auto text = record.at("text").get<std::string>();
    EXPECT_EQ(to_numbers(tokenizer().encode(text, false)), record.at("ids").get<Numbers>())
        << record.at("id");
    EXPECT_EQ(to_numbers(tokenizer().encode(text, true)), record.at("ids_special").get<Numbers>())
        << record.at("id");
    if (record.contains("bytes_b64")) {
      const auto bytes = decode_base64(record.at("bytes_b64").get<std::string>());
      ASSERT_TRUE(bytes.has_value());
      EXPECT_EQ(to_numbers(tokenizer().encode(*bytes, false)), record.at("ids").get<Numbers>())
          << record.at("id");
    }
  }
}

TEST_P(TokenizerGolden, DecodesWhatItEncoded) {
  LACUNA_NEEDS_REFERENCE("reference/tokenizers");
  int cleaned = 0;
  for (const auto& record : read_records(dir() / "golden_encode.jsonl")) {
    const auto ids = to_token_ids(record.at("ids"));
    const auto ids_special = to_token_ids(record.at("ids_special"));
    EXPECT_EQ(tokenizer().decode(ids, false), record.at("dec").get<std::string>()) << record.at("id");
    EXPECT_EQ(tokenizer().decode(ids, true), record.at("dec_skip").get<std::string>()) << record.at("id");
    EXPECT_EQ(tokenizer().decode(ids_special, false), record.at("dec_sp").get<std::string>())
        << record.at("id");
    EXPECT_EQ(tokenizer().decode(ids_special, true), record.at("dec_sp_skip").get<std::string>())
        << record.at("id");
    if (!record.contains("dec_sp_clean")) continue;
    ++cleaned;
    EXPECT_EQ(Tokenizer::clean_up_spaces(tokenizer().decode(ids_special, false)),
              record.at("dec_sp_clean").get<std::string>());
    EXPECT_EQ(Tokenizer::clean_up_spaces(tokenizer().decode(ids_special, true)),
              record.at("dec_sp_skip_clean").get<std::string>());
  }
  EXPECT_EQ(cleaned > 0, tokenizer().cleans_up_spaces());
}

TEST_P(TokenizerGolden, DecodesAnyIds) {
  LACUNA_NEEDS_REFERENCE("reference/tokenizers");
  const auto records = read_records(dir() / "golden_decode.jsonl");
  ASSERT_FALSE(records.empty());
  for (const auto& record : records) {
    const auto ids = to_token_ids(record.at("ids"));
    EXPECT_EQ(tokenizer().decode(ids, false), record.at("dec").get<std::string>()) << record.at("id");
    EXPECT_EQ(tokenizer().decode(ids, true), record.at("dec_skip").get<std::string>()) << record.at("id");
    if (!record.contains("dec_clean")) continue;
    EXPECT_EQ(Tokenizer::clean_up_spaces(tokenizer().decode(ids, false)),
              record.at("dec_clean").get<std::string>());
    EXPECT_EQ(Tokenizer::clean_up_spaces(tokenizer().decode(ids, true)),
              record.at("dec_skip_clean").get<std::string>());
  }
}

TEST_P(TokenizerGolden, SplitsIntoWords) {
  LACUNA_NEEDS_REFERENCE("reference/tokenizers");
  const auto file = dir() / "golden_pretokenize.jsonl";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << GetParam() << " does not split into words";
  const auto records = read_records(file);
  ASSERT_FALSE(records.empty());
  for (const auto& record : records) {
    EXPECT_EQ(tokenizer().split_words(record.at("text").get<std::string>()),
              record.at("pre").get<std::vector<std::string>>())
        << record.at("id");
  }
}

// The first public revision of Llama-3's files differs in three places.
TEST(Llama3InitialRevision, AddsNoBeginToken) {
  LACUNA_NEEDS_REFERENCE("reference/tokenizers/llama3/initial_revision.json");
  const auto dir = testing::tokenizer_dir("llama3");
  const auto revision = testing::read_json(dir / "initial_revision.json");
  auto json = testing::read_json(dir / "tokenizer.json");
  json["post_processor"] = revision.at("post_processor");
  const Tokenizer tokenizer = Tokenizer::parse(json.dump());
  EXPECT_EQ(to_numbers(tokenizer.encode("Hello world", true)), (Numbers{9906, 1917}));
  const auto chat_template = ChatTemplate::parse(revision.at("chat_template").get<std::string>(),
                                                 {{"bos_token", "<|begin_of_text|>"}});
  const auto messages = nlohmann::ordered_json::parse(R"([{"role": "user", "content": " x "}])");
  for (const bool add_generation_prompt : {false, true}) {
    EXPECT_EQ(chat_template.render(messages, add_generation_prompt),
              "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nx<|eot_id|>"
              "<|start_header_id|>assistant<|end_header_id|>\n\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerGolden, ::testing::ValuesIn(testing::kFamilies),
                         [](const auto& info) { return testing::to_test_name(info.param); });

}  // namespace
}  // namespace lacuna
