#include "worker/nn/cache_pool.h"

namespace lacuna {

CachePool::CachePool(const CachePoolShape& shape, const at::TensorOptions& like) {
  const auto make_prompts = [&] {
    return at::zeros({shape.layers, shape.sequences, shape.kv_heads, shape.capacity.prompt, shape.head_dim},
                     like);
  };
  const auto make_responses = [&] {
    return at::zeros(
        {shape.layers, shape.slots, shape.sequences, shape.kv_heads, shape.capacity.response, shape.head_dim},
        like);
  };
  prompt_keys_ = make_prompts();
  prompt_values_ = make_prompts();
  response_keys_ = make_responses();
  response_values_ = make_responses();
}

void CachePool::fork(std::int64_t sequence, std::int64_t from, std::int64_t to, std::int64_t length) const {
  for (const at::Tensor* const tensor : {&response_keys_, &response_values_}) {
    const at::Tensor written = tensor->select(2, sequence).narrow(3, 0, length);  // [layers, slots, kv, n, d]
    written.select(1, to).copy_(written.select(1, from));
  }
}

}  // namespace lacuna
