#include "bench/forking_chooser.h"

#include <fmt/format.h>

#include "core/error.h"

namespace lacuna {

std::string_view to_string(ForkPolicy policy) {
  switch (policy) {
    case ForkPolicy::kModel:
      return "model";
    case ForkPolicy::kNone:
      return "none";
    case ForkPolicy::kWorst:
      return "worst";
  }
  return "";
}

ForkPolicy parse_fork_policy(std::string_view name) {
  for (const ForkPolicy policy : {ForkPolicy::kModel, ForkPolicy::kNone, ForkPolicy::kWorst}) {
    if (to_string(policy) == name) return policy;
  }
  throw InputError({.problem = fmt::format("there is no way to fork named '{}'", name),
                    .suggestion = "known are model, none and worst"});
}

std::vector<TokenId> ForkingChooser::choose(const HeadLogits& logits,
                                            std::span<const ChoiceContext> contexts) {
  std::vector<TokenId> tokens = chooser_->choose(logits, contexts);
  if (policy_ == ForkPolicy::kModel) return tokens;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::int64_t number =
        policy_ == ForkPolicy::kWorst ? contexts[i].step * 1009 + contexts[i].branch : contexts[i].step;
    tokens[i] = TokenId(static_cast<std::int32_t>(number % logits.vocabulary()));
  }
  return tokens;
}

}  // namespace lacuna
