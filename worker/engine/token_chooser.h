// Picks the next token of every branch from its logits.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/experiment_config.h"
#include "core/ids.h"
#include "worker/nn/head_logits.h"
#include "worker/nn/kernels/top_p_choice.h"

namespace lacuna {

// Who asks: branch number `branch` of question `question`, for position `step` of its response, from row
// `logits_row`.
struct ChoiceContext {
  std::int64_t logits_row = 0;
  const QuestionId* question = nullptr;
  std::int64_t branch = 0;
  std::int64_t step = 0;
};

class TokenChooser {
 public:
  virtual ~TokenChooser() = default;
  // logits of n rows, any floating dtype. -> one token for each context.
  virtual std::vector<TokenId> choose(const HeadLogits& logits, std::span<const ChoiceContext> contexts) = 0;
};

// The largest logit, the lowest id among equals.
class GreedyChooser : public TokenChooser {
 public:
  std::vector<TokenId> choose(const HeadLogits& logits, std::span<const ChoiceContext> contexts) override;
};

// Draws as draw_top_p does, with noise that depends on (seed, question id, step) alone: equal logits give
// equal tokens at every threshold.
class TopPChooser : public TokenChooser {
 public:
  TopPChooser(double temperature, double top_p, std::uint64_t seed)
      : settings_{.temperature = temperature, .top_p = top_p}, seed_(seed) {}
  std::vector<TokenId> choose(const HeadLogits& logits, std::span<const ChoiceContext> contexts) override;

 private:
  TopPSettings settings_;
  std::uint64_t seed_;
};

// A GreedyChooser, or a TopPChooser with the config's temperature, top_p and seed, as config.greedy says.
std::unique_ptr<TokenChooser> make_token_chooser(const GenerationConfig& config);

}  // namespace lacuna
