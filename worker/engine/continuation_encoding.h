// Context and continuations of a question as token ids, as lm-evaluation-harness tokenizes such pairs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {

// What a tokenizer adds to a text that may hold its begin token already.
enum class SpecialTokens {
  kNone,
  kAlways,       // what the post-processor adds, also a second begin token
  kUnlessThere,  // the same, but nothing if the text starts with the begin token
};

// The token ids of `text` (UTF-8; other bytes as Tokenizer::encode takes them), with the tokens that the
// tokenizer's post-processor adds as `special` says. Special tokens written out in `text` are recognised.
std::vector<TokenId> encode_text(const Tokenizer& tokenizer, std::string_view text, SpecialTokens special);

struct EncodedPairs {
  std::vector<TokenId> context_ids;
  std::vector<std::vector<TokenId>> continuation_ids;  // each at least one token
};

// Trailing white space of the context (Python's) moves to the front of the continuations; the continuation's
// tokens are those of context + continuation without as many as the context alone has. Where a token spans
// the boundary, the model is therefore fed other tokens than those of the whole text: that is the definition.
// Throws InputError that names `question` if a continuation has no tokens left.
EncodedPairs encode_pairs(const Tokenizer& tokenizer, std::string_view context,
                          std::span<const std::string> continuations, SpecialTokens special,
                          const QuestionId& question);

// The continuations that are compared after a prompt. They may begin inside the prompt: the white space at
// its end (many chat templates end with a line end) counts for all of them.
struct PromptContinuations {
  std::int64_t scored_prompt_tokens = 0;     // last tokens of the prompt that are part of every continuation
  std::vector<std::vector<TokenId>> tokens;  // what follows the prompt; empty: nothing is compared

  [[nodiscard]] bool empty() const { return tokens.empty(); }
};

// The pairs as continuations of `prompt`, so that one prompt pass serves them and the answers; nothing if the
// prompt does not begin with the context, or a pair does not begin with the prompt.
std::optional<PromptContinuations> continue_prompt(std::span<const TokenId> prompt,
                                                   const EncodedPairs& pairs);

}  // namespace lacuna
