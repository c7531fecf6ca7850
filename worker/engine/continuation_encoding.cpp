#include "worker/engine/continuation_encoding.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "worker/benchmarks/unicode_text.h"

namespace lacuna {

std::vector<TokenId> encode_text(const Tokenizer& tokenizer, std::string_view text, SpecialTokens special) {
  if (special != SpecialTokens::kUnlessThere)
    return tokenizer.encode(text, special == SpecialTokens::kAlways);
  std::vector<TokenId> bare = tokenizer.encode(text, false);
  const std::vector<TokenId> added = tokenizer.encode("", true);  // around nothing: what is added to any text
  if (!added.empty() && !bare.empty() && bare.front() == added.front()) return bare;
  return tokenizer.encode(text, true);
}

EncodedPairs encode_pairs(const Tokenizer& tokenizer, std::string_view context,
                          std::span<const std::string> continuations, SpecialTokens special,
                          const QuestionId& question) {
  const std::string_view trimmed = trim_trailing_white_space(context);
  const std::string_view moved = context.substr(trimmed.size());
  EncodedPairs pairs{.context_ids = encode_text(tokenizer, trimmed, special), .continuation_ids = {}};
  for (const std::string& continuation : continuations) {
    const std::string whole = fmt::format("{}{}{}", trimmed, moved, continuation);
    std::vector<TokenId> ids = encode_text(tokenizer, whole, special);
    if (ids.size() <= pairs.context_ids.size()) {
      throw InputError(
          {.problem = fmt::format("question '{}': the continuation '{}' has no tokens of its own", question,
                                  continuation),
           .why = fmt::format("context and continuation together have {} tokens, the context alone has {}",
                              ids.size(), pairs.context_ids.size()),
           .suggestion = "use scoring: [generate] for this benchmark"});
    }
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(pairs.context_ids.size()));
    pairs.continuation_ids.push_back(std::move(ids));
  }
  return pairs;
}

std::optional<PromptContinuations> continue_prompt(std::span<const TokenId> prompt,
                                                   const EncodedPairs& pairs) {
  const std::vector<TokenId>& context = pairs.context_ids;
  if (prompt.size() < context.size() || !std::equal(context.begin(), context.end(), prompt.begin())) {
    return std::nullopt;
  }
  const std::span<const TokenId> shared = prompt.subspan(context.size());
  PromptContinuations continuations{.scored_prompt_tokens = static_cast<std::int64_t>(shared.size()),
                                    .tokens = {}};
  for (const std::vector<TokenId>& ids : pairs.continuation_ids) {
    if (ids.size() < shared.size() || !std::equal(shared.begin(), shared.end(), ids.begin())) {
      return std::nullopt;
    }
    continuations.tokens.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(shared.size()), ids.end());
  }
  return continuations;
}

}  // namespace lacuna
