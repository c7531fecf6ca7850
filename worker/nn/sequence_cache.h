// Keys and values of one prompt and of the responses that branch off it.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/ids.h"
#include "worker/nn/cache_pool.h"

namespace lacuna {

// The responses of a prompt advance in lockstep: every branch has the same length. A branch occupies a slot;
// when branches that shared a slot part, only what was written since the prompt is copied.
class SequenceCache {
 public:
  SequenceCache(std::int64_t layers, CacheCapacity capacity)
      : layers_(static_cast<std::size_t>(layers)), capacity_(capacity) {}
  // The keys and values of sequence `index` of a pool. For LibTorch's operators only: our kernels want the
  // values in another order.
  SequenceCache(std::shared_ptr<const CachePool> pool, std::int64_t layers, std::int64_t index);

  // The pool that this cache is part of, or null.
  [[nodiscard]] const CachePool* pool() const { return pool_.get(); }
  [[nodiscard]] std::int64_t pool_index() const { return pool_index_; }

  // Writes keys and values of a layer, both [tokens, kv_heads, head_dim], at prompt positions `first`,
  // first + 1, ...; those before are there already. Positions up to first + tokens are then the prompt.
  void write_prompt(LayerIndex layer, std::int64_t first, const at::Tensor& keys, const at::Tensor& values);

  // [kv_heads, prompt tokens, head_dim].
  [[nodiscard]] at::Tensor prompt_keys(LayerIndex layer) const {
    return at_layer(layer).prompt_keys.narrow(1, 0, prompt_length_);
  }
  [[nodiscard]] at::Tensor prompt_values(LayerIndex layer) const {
    return at_layer(layer).prompt_values.narrow(1, 0, prompt_length_);
  }
  [[nodiscard]] std::int64_t prompt_length() const { return prompt_length_; }
  // Somebody wrote keys and values of the prompt's first `tokens` positions to the pool.
  void set_prompt_length(std::int64_t tokens) { prompt_length_ = tokens; }

  // Not of a pool. The same with what is allocated behind the prompt, zeros there: kernels work on multiples
  // of 32 positions, and 32 begun anywhere in the prompt lie inside. Keys are contiguous along head_dim;
  // values on the CPU along the positions, elsewhere along head_dim.
  [[nodiscard]] const at::Tensor& padded_prompt_keys(LayerIndex layer) const {
    return at_layer(layer).prompt_keys;
  }
  [[nodiscard]] const at::Tensor& padded_prompt_values(LayerIndex layer) const {
    return at_layer(layer).prompt_values;
  }

  // Writes one token of the branches in `slots` at the next response position; keys and values are
  // [slots, kv_heads, head_dim]. The position is the same for all layers until advance(). `slot_index`: the
  // slots as int64 where the cache lies; then one operator of LibTorch writes all of them.
  void write_response(LayerIndex layer, const std::vector<std::int64_t>& slots, const at::Tensor& keys,
                      const at::Tensor& values, const at::Tensor& slot_index = {});
  // [slots, kv_heads, response length + 1, head_dim] of the branches in `slots`, the token just written
  // included. `slot_index` as above, so that it need not be made; or undefined.
  [[nodiscard]] at::Tensor response_keys(LayerIndex layer, const std::vector<std::int64_t>& slots,
                                         const at::Tensor& slot_index = {}) const;
  [[nodiscard]] at::Tensor response_values(LayerIndex layer, const std::vector<std::int64_t>& slots,
                                           const at::Tensor& slot_index = {}) const;
  [[nodiscard]] std::int64_t response_length() const { return response_length_; }
  // The next response position.
  void advance() { ++response_length_; }

  // [slots, kv_heads, response capacity, head_dim] of all slots.
  [[nodiscard]] const at::Tensor& all_response_keys(LayerIndex layer) const {
    return at_layer(layer).response_keys;
  }
  [[nodiscard]] const at::Tensor& all_response_values(LayerIndex layer) const {
    return at_layer(layer).response_values;
  }

  // A cache of the same prompt (not copied) without responses, and room for `response_capacity` tokens a
  // branch.
  [[nodiscard]] SequenceCache share_prompt(std::int64_t response_capacity) const;

  // Copies branch `from` to slot `to`.
  void fork(std::int64_t from, std::int64_t to);

 private:
  struct Layer {
    at::Tensor prompt_keys, prompt_values;      // [kv_heads, padded prompt capacity, head_dim]
    at::Tensor response_keys, response_values;  // [slots, kv_heads, response capacity, head_dim]
  };
  [[nodiscard]] const Layer& at_layer(LayerIndex layer) const {
    return layers_[static_cast<std::size_t>(layer.value())];
  }
  // Makes room for slots 0..`slot` in a layer, keeping what is there.
  void reserve_slot(Layer& layer, std::int64_t slot) const;
  [[nodiscard]] at::Tensor select_slots(const at::Tensor& tensor, const std::vector<std::int64_t>& slots,
                                        const at::Tensor& slot_index) const;

  std::vector<Layer> layers_;  // of a pool: views of it
  std::shared_ptr<const CachePool> pool_;
  std::int64_t pool_index_ = 0;
  std::int64_t prompt_length_ = 0;
  std::int64_t response_length_ = 0;
  CacheCapacity capacity_;
};

}  // namespace lacuna
