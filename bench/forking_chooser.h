// How much the answers of a question's thresholds differ decides what nine of them cost; a random model's
// answers say nothing about that, so they can be made to differ.
#pragma once

#include <memory>
#include <string_view>

#include "worker/engine/token_chooser.h"

namespace lacuna {

enum class ForkPolicy : std::uint8_t {
  kModel,  // the tokens that are chosen from the model's logits
  kNone,   // the same answer at every threshold: the least work
  kWorst,  // another answer at every threshold from the first token on: the most work
};
std::string_view to_string(ForkPolicy policy);  // "model", "none", "worst"
ForkPolicy parse_fork_policy(std::string_view name);

// Does all the work of another chooser, then answers as the policy says.
class ForkingChooser : public TokenChooser {
 public:
  ForkingChooser(ForkPolicy policy, std::unique_ptr<TokenChooser> chooser)
      : policy_(policy), chooser_(std::move(chooser)) {}
  std::vector<TokenId> choose(const HeadLogits& logits, std::span<const ChoiceContext> contexts) override;

 private:
  ForkPolicy policy_;
  std::unique_ptr<TokenChooser> chooser_;
};

}  // namespace lacuna
