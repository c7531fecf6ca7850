#include "worker/nn/weigh_values.h"

#include <cmath>
#include <limits>

namespace lacuna {

at::Tensor softmax_scores(const at::Tensor& scores, const at::Tensor& mask) {
  at::Tensor wide = scores.to(at::kFloat);
  if (mask.defined()) wide = wide + mask;
  return at::softmax(wide, -1).to(scores.scalar_type());
}

at::Tensor weigh_values(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const at::Tensor& mask) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  const at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) * scale;
  return at::matmul(softmax_scores(scores, mask), v);
}

at::Tensor make_causal_mask(std::int64_t first_query, std::int64_t queries, std::int64_t first_key,
                            std::int64_t keys, std::int64_t window, const at::Device& device) {
  const auto index_options = at::TensorOptions().dtype(at::kLong).device(device);
  const at::Tensor query = at::arange(first_query, first_query + queries, index_options).unsqueeze(1);
  const at::Tensor key = at::arange(first_key, first_key + keys, index_options).unsqueeze(0);
  at::Tensor hidden = key > query;
  if (window > 0) hidden = at::logical_or(hidden, key <= query - window);
  return at::zeros({queries, keys}, at::TensorOptions().dtype(at::kFloat).device(device))
      .masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

}  // namespace lacuna
