#include "worker/nn/weigh_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {

float score_scale(std::int64_t head_dim) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)));
}

void softmax_causal_rows(const at::Tensor& scores, std::int64_t queries, std::int64_t first_query,
                         std::int64_t window, std::int64_t head_dim) {
  const std::int64_t keys = scores.size(1);
  std::vector<float> scratch(static_cast<std::size_t>(keys));
  with_kernel_type(scores.scalar_type(), [&]<class T>(T) {
    for (std::int64_t row = 0; row < scores.size(0); ++row) {
      const std::int64_t position = first_query + row % queries;
      const std::int64_t first = window > 0 ? std::max<std::int64_t>(0, position - window + 1) : 0;
      softmax_row(elements_of<T>(scores) + row * keys, keys, first, position + 1, score_scale(head_dim),
                  scratch.data());
    }
  });
}

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
