// From a benchmark question to the token ids that a model is fed.
#pragma once

#include <cstdint>
#include <exception>
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

// Whether prompts under this config go through the model's chat template.
bool needs_chat_template(const BenchmarkConfig& config);

// The text side of one model directory.
class PromptEncoder {
 public:
  // Loads tokenizer.json and the chat template. A template that is missing, as base models' are, or that
  // cannot be used is no error before a prompt needs it. Throws InputError.
  explicit PromptEncoder(const std::filesystem::path& model_directory);

  // A question as token ids, as the protocol and chat_template of `config` say. Protocol paper: one user
  // message; `double_begin_token`: tokenize the rendered text with special tokens, as the paper's scripts do.
  // Protocol harness: description, examples and question as plain text, or the description as system message
  // and the rest as user message; always one begin token.
  // Throws InputError as require_chat_template where needs_chat_template(config).
  [[nodiscard]] EncodedQuestion encode_question(const Benchmark& benchmark, QuestionIndex index,
                                                const BenchmarkConfig& config, bool double_begin_token) const;

  // No fewer than the tokens of the question's prompt, found without tokenizing it.
  [[nodiscard]] std::int64_t bound_prompt_tokens(const Benchmark& benchmark, QuestionIndex index,
                                                 const BenchmarkConfig& config) const;

  // The user's one message, rendered and tokenized. Throws InputError as require_chat_template.
  [[nodiscard]] std::vector<TokenId> encode_message(const std::string& user_message,
                                                    bool double_begin_token) const;

  // Throws InputError if there is no chat template that can be used; says why.
  void require_chat_template() const;

  [[nodiscard]] const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  // The text that a model is shown.
  [[nodiscard]] std::string write_prompt(const Benchmark& benchmark, QuestionIndex index,
                                         const BenchmarkConfig& config) const;

  [[nodiscard]] std::string render(const nlohmann::ordered_json& messages) const;

  Tokenizer tokenizer_;
  std::optional<ChatTemplate> chat_template_;
  std::exception_ptr why_no_template_;  // set where chat_template_ is not
};

}  // namespace lacuna
