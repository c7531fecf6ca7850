#include "worker/engine/top_p_filter.h"

namespace lacuna {

FilteredDistribution filter_top_p(const at::Tensor& logits, double temperature, double top_p) {
  const at::Tensor probabilities = at::softmax(logits.to(at::kFloat) / temperature, -1);
  const auto [sorted, ids] = at::sort(probabilities, /*stable=*/true, /*dim=*/-1, /*descending=*/true);
  // In float64, so that the sum of a large vocabulary's tail cannot drift over the bound.
  const at::Tensor wide = sorted.to(at::kDouble);
  const at::Tensor before = at::cumsum(wide, -1) - wide;
  const at::Tensor kept = wide.masked_fill(before > top_p, 0.0);
  return {ids, (kept / kept.sum(-1, /*keepdim=*/true)).to(at::kFloat)};
}

}  // namespace lacuna
