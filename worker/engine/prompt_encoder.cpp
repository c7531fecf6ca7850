#include "worker/engine/prompt_encoder.h"

namespace lacuna {
namespace {

nlohmann::ordered_json make_message(const char* role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

nlohmann::ordered_json make_user_messages(const std::string& content) {
  return nlohmann::ordered_json::array({make_message("user", content)});
}

}  // namespace

PromptEncoder::PromptEncoder(const std::filesystem::path& model_directory)
    : tokenizer_(Tokenizer::load(model_directory)), chat_template_(ChatTemplate::load(model_directory)) {}

std::vector<TokenId> PromptEncoder::encode_message(const std::string& user_message,
                                                   bool double_begin_token) const {
  const std::string rendered =
      chat_template_.render(make_user_messages(user_message), /*add_generation_prompt=*/true);
  return tokenizer_.encode(rendered, double_begin_token);
}

std::string PromptEncoder::write_prompt(const Benchmark& benchmark, QuestionIndex index,
                                        const BenchmarkConfig& config) const {
  if (config.protocol != "harness") {
    return chat_template_.render(make_user_messages(benchmark.user_message(index)),
                                 /*add_generation_prompt=*/true);
  }
  const HarnessPrompt prompt = benchmark.harness_prompt(index);
  if (!config.chat_template) return prompt.context();
  auto messages = nlohmann::ordered_json::array();
  if (!prompt.description.empty()) messages.push_back(make_message("system", prompt.description));
  messages.push_back(make_message("user", prompt.examples + prompt.question));
  return chat_template_.render(messages, /*add_generation_prompt=*/true);
}

EncodedQuestion PromptEncoder::encode_question(const Benchmark& benchmark, QuestionIndex index,
                                               const BenchmarkConfig& config, bool double_begin_token) const {
  SpecialTokens special = SpecialTokens::kUnlessThere;
  if (config.protocol != "harness") {
    special = double_begin_token ? SpecialTokens::kAlways : SpecialTokens::kNone;
  }
  const std::string text = write_prompt(benchmark, index, config);
  EncodedQuestion encoded{.prompt_ids = encode_text(tokenizer_, text, special), .pairs = std::nullopt};
  if (!config.asks_for(Scoring::kLoglik)) return encoded;
  std::vector<std::string> continuations;
  for (const Continuation& continuation : list_continuations(benchmark, index, config)) {
    continuations.push_back(continuation.text);
  }
  encoded.pairs = encode_pairs(tokenizer_, text, continuations, special, benchmark.question(index).id);
  return encoded;
}

}  // namespace lacuna
