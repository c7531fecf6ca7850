#include "worker/engine/prompt_encoder.h"

namespace lacuna {
namespace {

nlohmann::ordered_json make_message(const char* role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

}  // namespace

PromptEncoder::PromptEncoder(const std::filesystem::path& model_directory)
    : tokenizer_(Tokenizer::load(model_directory)), chat_template_(ChatTemplate::load(model_directory)) {}

std::vector<TokenId> PromptEncoder::encode_messages(const nlohmann::ordered_json& messages,
                                                    bool double_begin_token) const {
  const std::string rendered = chat_template_.render(messages, /*add_generation_prompt=*/true);
  return tokenizer_.encode(rendered, double_begin_token);
}

std::vector<TokenId> PromptEncoder::encode_message(const std::string& user_message,
                                                   bool double_begin_token) const {
  return encode_messages(nlohmann::ordered_json::array({make_message("user", user_message)}),
                         double_begin_token);
}

std::vector<TokenId> PromptEncoder::encode_question(const Benchmark& benchmark, QuestionIndex index,
                                                    const std::string& protocol,
                                                    bool double_begin_token) const {
  if (protocol != "harness") return encode_message(benchmark.user_message(index), double_begin_token);
  const HarnessPrompt prompt = benchmark.harness_prompt(index);
  auto messages = nlohmann::ordered_json::array();
  if (!prompt.description.empty()) messages.push_back(make_message("system", prompt.description));
  messages.push_back(make_message("user", prompt.examples + prompt.question));
  return encode_messages(messages, double_begin_token);
}

}  // namespace lacuna
