// From a benchmark question to the token ids that a model is fed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "worker/benchmarks/benchmark.h"
#include "worker/tokenizer/chat_template.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {

// The text side of one model directory.
class PromptEncoder {
 public:
  // Loads tokenizer.json and the chat template. Throws InputError.
  explicit PromptEncoder(const std::filesystem::path& model_directory);

  // The chat-formatted prompt of a question as token ids. Protocol paper: one user message. Protocol harness:
  // the description as system message, examples and question as user message. `double_begin_token`: tokenize
  // the rendered text with special tokens, as the paper's scripts do.
  [[nodiscard]] std::vector<TokenId> encode_question(const Benchmark& benchmark, QuestionIndex index,
                                                     const std::string& protocol,
                                                     bool double_begin_token) const;

  // The user's one message, rendered and tokenized.
  [[nodiscard]] std::vector<TokenId> encode_message(const std::string& user_message,
                                                    bool double_begin_token) const;

  [[nodiscard]] const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  [[nodiscard]] std::vector<TokenId> encode_messages(const nlohmann::ordered_json& messages,
                                                     bool double_begin_token) const;

  Tokenizer tokenizer_;
  ChatTemplate chat_template_;
};

}  // namespace lacuna
