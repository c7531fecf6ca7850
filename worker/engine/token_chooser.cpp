#include "worker/engine/token_chooser.h"

#include "core/counter_random.h"
#include "worker/engine/top_p_filter.h"

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
  const FilteredDistribution filtered = filter_top_p(logits.all(), temperature_, top_p_);
  const at::Tensor ids = filtered.sorted_ids.to(at::kCPU).contiguous();
  const at::Tensor cumulative =
      at::cumsum(filtered.probabilities.to(at::kDouble), -1).to(at::kCPU).contiguous();
  const std::int64_t vocabulary = logits.vocabulary();
  std::vector<TokenId> tokens;
  tokens.reserve(contexts.size());
  for (const ChoiceContext& context : contexts) {
    const double* const row = cumulative.data_ptr<double>() + context.logits_row * vocabulary;
    const double noise = draw_uniform(seed_, RandomPurpose::kSampling, context.question->value(),
                                      static_cast<std::uint32_t>(context.step));
    // The first entry whose cumulative share exceeds the noise; the total may round to just below 1.
    std::int64_t rank = std::upper_bound(row, row + vocabulary, noise * row[vocabulary - 1]) - row;
    rank = std::min(rank, vocabulary - 1);
    tokens.emplace_back(
        static_cast<std::int32_t>(ids.data_ptr<std::int64_t>()[context.logits_row * vocabulary + rank]));
  }
  return tokens;
}

std::unique_ptr<TokenChooser> make_token_chooser(const GenerationConfig& config) {
  if (config.greedy) return std::make_unique<GreedyChooser>();
  return std::make_unique<TopPChooser>(config.temperature, config.top_p, config.seed);
}

}  // namespace lacuna
