// Nucleus (top-p) sampling's distribution, in the form of the paper's released sampler.
#pragma once

#include <ATen/ATen.h>

namespace lacuna {

struct FilteredDistribution {
  at::Tensor sorted_ids;     // [n, vocabulary] int64, by falling probability, ties by rising id
  at::Tensor probabilities;  // [n, vocabulary] float32 in that order; what is cut off is 0, a row sums to 1
};

// softmax(logits / temperature), sorted falling; an entry stays if the sum of those before it is <= top_p
// (the first always stays); the rest is renormalised. logits [n, vocabulary] of any floating dtype,
// temperature > 0, top_p in (0, 1].
FilteredDistribution filter_top_p(const at::Tensor& logits, double temperature, double top_p);

}  // namespace lacuna
