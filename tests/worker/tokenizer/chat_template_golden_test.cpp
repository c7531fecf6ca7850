// Every golden conversation of the three real chat templates: the rendered prompt, its ids, and the errors.
#include <gtest/gtest.h>

#include <string>

#include "tests/worker/tokenizer/golden_records.h"
#include "worker/tokenizer/chat_template.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {
namespace {

using testing::to_numbers;
using Numbers = std::vector<TokenId::rep>;

class ChatTemplateGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(ChatTemplateGolden, RendersEveryConversation) {
  LACUNA_NEEDS_REFERENCE("reference/tokenizers");
  const auto dir = testing::tokenizer_dir(GetParam());
  const Tokenizer tokenizer = Tokenizer::load(dir);
  const ChatTemplate chat_template = ChatTemplate::load(dir);
  const auto records = testing::read_records(dir / "golden_chat.jsonl");
  ASSERT_FALSE(records.empty());
  for (const auto& record : records) {
    SCOPED_TRACE(record.at("id").dump());
    const auto render = [&] {
      return chat_template.render(record.at("messages"), record.at("add_generation_prompt").get<bool>(),
                                  record.contains("tools") ? record.at("tools") : nullptr);
    };
    if (record.contains("error")) {
      try {
        ADD_FAILURE() << "should raise, but renders " << render();
      } catch (const ChatTemplateError& error) {
        EXPECT_EQ(error.message(), record.at("error").get<std::string>());
      }
      continue;
    }
    const std::string rendered = render();
    EXPECT_EQ(rendered, record.at("rendered").get<std::string>());
    EXPECT_EQ(to_numbers(tokenizer.encode(rendered, false)), record.at("ids").get<Numbers>());
    EXPECT_EQ(to_numbers(tokenizer.encode(rendered, true)), record.at("ids_retokenized").get<Numbers>());
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ChatTemplateGolden, ::testing::ValuesIn(testing::kFamilies),
                         [](const auto& info) { return testing::to_test_name(info.param); });

}  // namespace
}  // namespace lacuna
