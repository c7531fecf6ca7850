// From a benchmark question to the token ids that a model is fed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "worker/benchmarks/benchmark.h"
#include "worker/engine/continuation_encoding.h"
#include "worker/tokenizer/chat_template.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {

struct EncodedQuestion {
  std::vector<TokenId> prompt_ids;    // what an answer is generated after
  std::optional<EncodedPairs> pairs;  // if log-likelihoods are asked for: those of list_continuations
};

// The text side of one model directory.
class PromptEncoder {
 public:
  // Loads tokenizer.json and the chat template. Throws InputError.
  explicit PromptEncoder(const std::filesystem::path& model_directory);

  // A question as token ids, as the protocol and chat_template of `config` say. Protocol paper: one user
  // message; `double_begin_token`: tokenize the rendered text with special tokens, as the paper's scripts do.
  // Protocol harness: description, examples and question as plain text, or the description as system message
  // and the rest as user message; always one begin token.
  [[nodiscard]] EncodedQuestion encode_question(const Benchmark& benchmark, QuestionIndex index,
                                                const BenchmarkConfig& config, bool double_begin_token) const;

  // The user's one message, rendered and tokenized.
  [[nodiscard]] std::vector<TokenId> encode_message(const std::string& user_message,
                                                    bool double_begin_token) const;

  [[nodiscard]] const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  // The text that a model is shown.
  [[nodiscard]] std::string write_prompt(const Benchmark& benchmark, QuestionIndex index,
                                         const BenchmarkConfig& config) const;

  Tokenizer tokenizer_;
  ChatTemplate chat_template_;
};

}  // namespace lacuna
