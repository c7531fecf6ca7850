#include "worker/engine/prompt_encoder.h"

#include "core/error.h"

namespace lacuna {
namespace {

nlohmann::ordered_json make_message(const char* role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

nlohmann::ordered_json make_user_messages(const std::string& content) {
  return nlohmann::ordered_json::array({make_message("user", content)});
}

}  // namespace

bool needs_chat_template(const BenchmarkConfig& config) {
  return config.protocol != "harness" || config.chat_template;
}

PromptEncoder::PromptEncoder(const std::filesystem::path& model_directory)
    : tokenizer_(Tokenizer::load(model_directory)) {
  try {
    chat_template_ = ChatTemplate::load(model_directory);
  } catch (const InputError&) {
    why_no_template_ = std::current_exception();
  }
}

void PromptEncoder::require_chat_template() const {
  if (why_no_template_) std::rethrow_exception(why_no_template_);
}

std::string PromptEncoder::render(const nlohmann::ordered_json& messages) const {
  require_chat_template();
  return chat_template_->render(messages, /*add_generation_prompt=*/true);
}

std::vector<TokenId> PromptEncoder::encode_message(const std::string& user_message,
                                                   bool double_begin_token) const {
  return tokenizer_.encode(render(make_user_messages(user_message)), double_begin_token);
}

std::string PromptEncoder::write_prompt(const Benchmark& benchmark, QuestionIndex index,
                                        const BenchmarkConfig& config) const {
  if (config.protocol != "harness") {
    return render(make_user_messages(benchmark.user_message(index)));
  }
  const HarnessPrompt prompt = benchmark.harness_prompt(index);
  if (!config.chat_template) return prompt.context();
  auto messages = nlohmann::ordered_json::array();
  if (!prompt.description.empty()) messages.push_back(make_message("system", prompt.description));
  messages.push_back(make_message("user", prompt.examples + prompt.question));
  return render(messages);
}

std::int64_t PromptEncoder::bound_prompt_tokens(const Benchmark& benchmark, QuestionIndex index,
                                                const BenchmarkConfig& config) const {
  // A token stands for one byte at least, but for those that the tokenizer itself puts around a text.
  constexpr std::int64_t kAddedTokens = 4;
  return static_cast<std::int64_t>(write_prompt(benchmark, index, config).size()) + kAddedTokens;
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
