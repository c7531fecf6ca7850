// Prompts and continuations with the real tokenizers and chat templates.
#include "worker/engine/prompt_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/reference_files.h"
#include "tests/temporary_folder.h"
#include "tests/test_name.h"
#include "tests/worker/benchmarks/benchmark_config.h"

namespace lacuna::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Family {
  std::string folder;
  std::string begin_token;  // empty: none
};

class PromptEncoding : public ::testing::TestWithParam<Family> {
 protected:
  static std::string path() { return "reference/tokenizers/" + GetParam().folder; }
  static PromptEncoder make_encoder() { return PromptEncoder(reference_root() / path()); }
  static std::string text_of(const PromptEncoder& encoder, std::span<const TokenId> ids) {
    return encoder.tokenizer().decode(ids, /*skip_special_tokens=*/false);
  }
  // With how many begin tokens the prompt starts.
  static int count_begin_tokens(const PromptEncoder& encoder, const std::vector<TokenId>& ids) {
    if (GetParam().begin_token.empty()) return 0;
    const TokenId begin = encoder.tokenizer().find_token(GetParam().begin_token).value();
    int count = 0;
    while (ids.at(static_cast<std::size_t>(count)) == begin) ++count;
    return count;
  }
  static BenchmarkConfig make_mmlu(const std::string& protocol, bool chat_template) {
    BenchmarkConfig config = make_config("mmlu", reference_root() / "data/mmlu");
    config.protocol = protocol;
    config.chat_template = chat_template;
    config.scoring = {Scoring::kGenerate, Scoring::kLoglik};
    config.limit = 3;
    return config;
  }
};

TEST_P(PromptEncoding, PlainHarnessTextHasOneBeginTokenAndContinuationsWithSpace) {
  LACUNA_NEEDS_REFERENCE(path());
  const PromptEncoder encoder = make_encoder();
  const BenchmarkConfig config = make_mmlu("harness", false);
  const auto benchmark = load_benchmark(config, 0);
  const EncodedQuestion encoded =
      encoder.encode_question(*benchmark, QuestionIndex(0), config, /*double_begin_token=*/true);
  const int begins = GetParam().begin_token.empty() ? 0 : 1;
  EXPECT_EQ(count_begin_tokens(encoder, encoded.prompt_ids), begins);
  EXPECT_EQ(encoder.tokenizer().decode(encoded.prompt_ids, /*skip_special_tokens=*/true),
            benchmark->harness_context(QuestionIndex(0)));
  ASSERT_TRUE(encoded.pairs.has_value());
  EXPECT_EQ(encoded.pairs->context_ids, encoded.prompt_ids);
  ASSERT_EQ(encoded.pairs->continuation_ids.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const std::vector<TokenId>& ids = encoded.pairs->continuation_ids[i];
    ASSERT_EQ(ids.size(), 1U);
    // " A" is one token of every family, not the one of "A" at the start of a text's word.
    const std::string token = encoder.tokenizer().find_text(ids.front()).value();
    EXPECT_TRUE(token.ends_with(static_cast<char>('A' + i))) << token;
    EXPECT_GT(token.size(), 1U) << token;
  }
}

TEST_P(PromptEncoding, ChatPromptsServeAnswersAndContinuations) {
  LACUNA_NEEDS_REFERENCE(path());
  const PromptEncoder encoder = make_encoder();
  for (const std::string protocol : {"paper", "harness"}) {
    SCOPED_TRACE(protocol);
    const BenchmarkConfig config = make_mmlu(protocol, true);
    const auto benchmark = load_benchmark(config, 0);
    const EncodedQuestion encoded = encoder.encode_question(*benchmark, QuestionIndex(0), config, true);
    const int begins = GetParam().begin_token.empty() ? 0 : (protocol == "paper" ? 2 : 1);
    EXPECT_EQ(count_begin_tokens(encoder, encoded.prompt_ids), begins) << "begin_token is for protocol paper";
    ASSERT_TRUE(encoded.pairs.has_value());
    const auto continuations = continue_prompt(encoded.prompt_ids, *encoded.pairs);
    ASSERT_TRUE(continuations.has_value()) << "no prompt pass of its own is needed";
    // Llama-3's and Qwen2.5's prompts end with line ends, which are scored as part of every continuation.
    EXPECT_EQ(continuations->scored_prompt_tokens, GetParam().folder == "mistral-v0.3" ? 0 : 1);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_THAT(text_of(encoder, continuations->tokens[i]),
                  HasSubstr(std::string(1, static_cast<char>('A' + i))));
    }
  }
}

TEST_P(PromptEncoding, TheBoundOfAPromptsTokensHolds) {
  LACUNA_NEEDS_REFERENCE(path());
  const PromptEncoder encoder = make_encoder();
  for (const bool chat : {false, true}) {
    const BenchmarkConfig config = make_mmlu("harness", chat);
    const auto benchmark = load_benchmark(config, 0);
    const std::int64_t bound = encoder.bound_prompt_tokens(*benchmark, QuestionIndex(0), config);
    const auto ids = encoder.encode_question(*benchmark, QuestionIndex(0), config, true).prompt_ids;
    EXPECT_GE(bound, static_cast<std::int64_t>(ids.size()));
    EXPECT_LT(bound, 8 * static_cast<std::int64_t>(ids.size())) << "or it would be of no use";
  }
}

TEST_P(PromptEncoding, NothingIsComparedUnlessAskedFor) {
  LACUNA_NEEDS_REFERENCE(path());
  BenchmarkConfig config = make_mmlu("harness", false);
  config.scoring = {Scoring::kGenerate};
  const auto benchmark = load_benchmark(config, 0);
  EXPECT_FALSE(make_encoder().encode_question(*benchmark, QuestionIndex(0), config, true).pairs.has_value());
}

// A base model: the same tokenizer without tokenizer_config.json.
TEST_P(PromptEncoding, ABaseModelNeedsAChatTemplateForChatPromptsOnly) {
  LACUNA_NEEDS_REFERENCE(path());
  TemporaryFolder folder;
  std::filesystem::create_symlink(std::filesystem::absolute(reference_root() / path() / "tokenizer.json"),
                                  folder.path() / "tokenizer.json");
  const PromptEncoder base(folder.path());
  const BenchmarkConfig plain = make_mmlu("harness", false);
  const auto benchmark = load_benchmark(plain, 0);
  EXPECT_FALSE(needs_chat_template(plain));
  EXPECT_EQ(base.encode_question(*benchmark, QuestionIndex(0), plain, true).prompt_ids,
            make_encoder().encode_question(*benchmark, QuestionIndex(0), plain, true).prompt_ids);
  for (const std::string protocol : {"paper", "harness"}) {
    const BenchmarkConfig chat = make_mmlu(protocol, true);
    EXPECT_TRUE(needs_chat_template(chat));
    try {
      static_cast<void>(base.encode_question(*benchmark, QuestionIndex(0), chat, true));
      ADD_FAILURE() << "not refused";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("the model has no chat template"));
    }
  }
  EXPECT_THROW(base.require_chat_template(), InputError);
  EXPECT_THROW(static_cast<void>(base.encode_message("hello", false)), InputError);
  EXPECT_NO_THROW(make_encoder().require_chat_template());
}

INSTANTIATE_TEST_SUITE_P(Families, PromptEncoding,
                         ::testing::Values(Family{"llama3", "<|begin_of_text|>"},
                                           Family{"mistral-v0.3", "<s>"}, Family{"qwen2.5", ""}),
                         [](const auto& info) { return to_test_name(info.param.folder); });

}  // namespace
}  // namespace lacuna::testing
