#include "worker/nn/dense_causal_attention.h"

#include "worker/nn/weigh_values.h"

namespace lacuna {

at::Tensor DenseCausalAttention::attend(LayerIndex /*layer*/, const at::Tensor& q, const at::Tensor& k,
                                        const at::Tensor& v, std::int64_t window) {
  const std::int64_t heads = q.size(1);
  const std::int64_t kv_heads = k.size(1);
  const std::int64_t head_dim = q.size(2);
  // Heads that share a kv head lie next to each other: [batch, kv head, head in group, position, dim].
  const at::Tensor grouped_q =
      q.view({batch_, length_, kv_heads, heads / kv_heads, head_dim}).permute({0, 2, 3, 1, 4});
  const at::Tensor shared_k = k.view({batch_, length_, kv_heads, 1, head_dim}).permute({0, 2, 3, 1, 4});
  const at::Tensor shared_v = v.view({batch_, length_, kv_heads, 1, head_dim}).permute({0, 2, 3, 1, 4});
  const at::Tensor mask = make_causal_mask(0, length_, 0, length_, window, q.device());
  return weigh_values(grouped_q, shared_k, shared_v, mask)
      .permute({0, 3, 1, 2, 4})
      .reshape({batch_ * length_, heads * head_dim});
}

}  // namespace lacuna
