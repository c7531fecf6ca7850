#include "worker/engine/token_chooser.h"

#include "core/counter_random.h"
#include "worker/engine/top_p_draw.h"

namespace lacuna {

std::vector<TokenId> GreedyChooser::choose(const HeadLogits& logits,
                                           std::span<const ChoiceContext> contexts) {
  const at::Tensor best = logits.find_largest().to(at::kCPU).contiguous();
  std::vector<TokenId> tokens;
  tokens.reserve(contexts.size());
  for (const ChoiceContext& context : contexts) {
    tokens.emplace_back(static_cast<std::int32_t>(best.data_ptr<std::int64_t>()[context.logits_row]));
  }
  return tokens;
}

std::vector<TokenId> TopPChooser::choose(const HeadLogits& logits, std::span<const ChoiceContext> contexts) {
  // Who asks for the same step of the same question from the same row gets the same token; readers of a row
  // come one after another.
  std::vector<TopPDraw> draws;
  std::vector<std::size_t> draw_of;
  const ChoiceContext* previous = nullptr;
  for (const ChoiceContext& context : contexts) {
    const bool is_same = previous != nullptr && previous->logits_row == context.logits_row &&
                         previous->step == context.step && *previous->question == *context.question;
    if (!is_same) {
      draws.push_back({.row = context.logits_row,
                       .noise = draw_uniform(seed_, RandomPurpose::kSampling, context.question->value(),
                                             static_cast<std::uint32_t>(context.step))});
    }
    draw_of.push_back(draws.size() - 1);
    previous = &context;
  }
  const std::vector<std::int64_t> columns = draw_top_p(logits.all(), draws, settings_);
  std::vector<TokenId> tokens;
  tokens.reserve(contexts.size());
  for (const std::size_t draw : draw_of) tokens.emplace_back(static_cast<std::int32_t>(columns[draw]));
  return tokens;
}

std::unique_ptr<TokenChooser> make_token_chooser(const GenerationConfig& config) {
  if (config.greedy) return std::make_unique<GreedyChooser>();
  return std::make_unique<TopPChooser>(config.temperature, config.top_p, config.seed);
}

}  // namespace lacuna
