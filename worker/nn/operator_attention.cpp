#include "worker/nn/operator_attention.h"

#include <cmath>

#include "worker/nn/libtorch_compatibility.h"
#include "worker/nn/weigh_values.h"

namespace lacuna {
namespace {

// [slots, sequences, kv_heads, group, n] -> [sequences, kv_heads, slots * group, n]: all rows of a kv head
// against the prompt that they share are one product.
at::Tensor stack_slots(const at::Tensor& tensor) {
  const auto sizes = tensor.sizes();
  return tensor.permute({1, 2, 0, 3, 4}).reshape({sizes[1], sizes[2], sizes[0] * sizes[3], sizes[4]});
}

// The inverse, as a view.
at::Tensor unstack_slots(const at::Tensor& tensor, std::int64_t slots) {
  const auto sizes = tensor.sizes();
  return tensor.view({sizes[0], sizes[1], slots, sizes[2] / slots, sizes[3]}).permute({2, 0, 1, 3, 4});
}

}  // namespace

bool prefers_fused(const at::Tensor& q) {
  return kHasFusedAttention && q.scalar_type() == at::kBFloat16;
}

at::Tensor attend_prompts(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const at::Tensor& mask) {
  const std::int64_t batch = q.size(0);
  const std::int64_t kv_heads = k.size(1);
  const std::int64_t group = q.size(1) / kv_heads;  // query heads that share a kv head
  if (prefers_fused(q)) {
    const auto repeat = [&](const at::Tensor& tensor) {
      return tensor.unsqueeze(2)
          .expand({batch, kv_heads, group, tensor.size(2), tensor.size(3)})
          .reshape({batch, q.size(1), tensor.size(2), tensor.size(3)});
    };
    return attend_fused(q, repeat(k), repeat(v), mask);
  }
  return weigh_values(q.reshape({batch, kv_heads, group, q.size(2), q.size(3)}), k.unsqueeze(2),
                      v.unsqueeze(2), mask)
      .reshape(q.sizes());
}

at::Tensor attend_branches_of(const at::Tensor& q, const BranchKeys& keys, const BranchKeys& values,
                              const at::Tensor& mask) {
  const std::int64_t slots = q.size(0);
  const std::int64_t prompt_count = keys.prompt.size(2);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(4)));
  const at::Tensor prompt_scores =
      unstack_slots(at::matmul(stack_slots(q), keys.prompt.transpose(2, 3)), slots);
  const at::Tensor response_scores = at::matmul(q, keys.response.transpose(3, 4));
  const at::Tensor weights = softmax_scores(at::cat({prompt_scores, response_scores}, 4) * scale, mask);
  const at::Tensor from_prompt =
      unstack_slots(at::matmul(stack_slots(weights.narrow(4, 0, prompt_count)), values.prompt), slots);
  return from_prompt + at::matmul(weights.slice(4, prompt_count), values.response);
}

}  // namespace lacuna
