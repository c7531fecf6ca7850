#include "worker/nn/sequence_cache.h"

#include <algorithm>
#include <stdexcept>

#include "worker/nn/compute_device.h"
#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/bfloat16_product.h"

namespace lacuna {
namespace {

// rows [slots, kv_heads, head_dim] -> position `position` of the slots of cache [slots, kv_heads, capacity,
// head_dim]. As many calls of LibTorch would take longer than the attention itself.
void copy_rows(const at::Tensor& rows, const std::vector<std::int64_t>& slots, std::int64_t position,
               const at::Tensor& cache) {
  const std::int64_t kv_heads = rows.size(1);
  const std::int64_t head_dim = rows.size(2);
  with_kernel_type(rows.scalar_type(), [&]<class T>(T) {
    const T* source = elements_of<T>(rows);
    for (const std::int64_t slot : slots) {
      T* target = elements_of<T>(cache) + slot * cache.stride(0) + position * head_dim;
      for (std::int64_t head = 0; head < kv_heads; ++head) {
        std::copy_n(source, head_dim, target);
        source += head_dim;
        target += cache.stride(1);
      }
    }
  });
}

}  // namespace

SequenceCache::SequenceCache(std::shared_ptr<const CachePool> pool, std::int64_t layers, std::int64_t index)
    : pool_(std::move(pool)), pool_index_(index) {
  for (std::int32_t number = 0; number < layers; ++number) {
    const LayerIndex layer(number);
    layers_.push_back({.prompt_keys = pool_->prompt_keys(layer).select(0, index),
                       .prompt_values = pool_->prompt_values(layer).select(0, index),
                       .response_keys = pool_->response_keys(layer).select(1, index),
                       .response_values = pool_->response_values(layer).select(1, index)});
  }
  capacity_ = {.prompt = layers_.front().prompt_keys.size(1),
               .response = layers_.front().response_keys.size(2)};
}

void SequenceCache::write_prompt(LayerIndex layer, std::int64_t first, const at::Tensor& keys,
                                 const at::Tensor& values) {
  Layer& entry = layers_[static_cast<std::size_t>(layer.value())];
  const std::int64_t tokens = keys.size(0);
  if (!entry.prompt_keys.defined()) {
    const std::int64_t kv_heads = keys.size(1);
    const std::int64_t head_dim = keys.size(2);
    const std::int64_t padded = pad_to_depth_step(capacity_.prompt) + kDepthStep;
    entry.prompt_keys = at::zeros({kv_heads, padded, head_dim}, keys.options());
    entry.prompt_values = keys.device().is_cpu()
                              ? at::zeros({kv_heads, head_dim, padded}, keys.options()).transpose(1, 2)
                              : at::zeros({kv_heads, padded, head_dim}, keys.options());
  }
  entry.prompt_keys.narrow(1, first, tokens).copy_(keys.transpose(0, 1));
  entry.prompt_values.narrow(1, first, tokens).copy_(values.transpose(0, 1));
  prompt_length_ = first + tokens;
}

void SequenceCache::reserve_slot(Layer& layer, std::int64_t slot) const {
  const std::int64_t present = layer.response_keys.defined() ? layer.response_keys.size(0) : 0;
  if (slot < present) return;
  if (pool_) throw std::logic_error("a cache pool with too few slots");
  const std::int64_t wanted = std::max(slot + 1, 2 * present);
  const auto grow = [&](at::Tensor& tensor, const at::Tensor& like) {
    at::Tensor grown = at::zeros({wanted, like.size(0), capacity_.response, like.size(2)}, like.options());
    if (present > 0) grown.narrow(0, 0, present).copy_(tensor);
    tensor = grown;
  };
  grow(layer.response_keys, layer.prompt_keys);
  grow(layer.response_values, layer.prompt_values);
}

void SequenceCache::write_response(LayerIndex layer, const std::vector<std::int64_t>& slots,
                                   const at::Tensor& keys, const at::Tensor& values,
                                   const at::Tensor& slot_index) {
  Layer& entry = layers_[static_cast<std::size_t>(layer.value())];
  reserve_slot(entry, *std::max_element(slots.begin(), slots.end()));
  if (!slot_index.defined() && fits_kernels(keys) && fits_kernels(values)) {
    copy_rows(keys, slots, response_length_, entry.response_keys);
    copy_rows(values, slots, response_length_, entry.response_values);
    return;
  }
  const at::Tensor index = slot_index.defined() ? slot_index : to_device(slots, keys.device());
  entry.response_keys.select(2, response_length_).index_copy_(0, index, keys);
  entry.response_values.select(2, response_length_).index_copy_(0, index, values);
}

at::Tensor SequenceCache::select_slots(const at::Tensor& tensor, const std::vector<std::int64_t>& slots,
                                       const at::Tensor& slot_index) const {
  const at::Tensor written = tensor.narrow(2, 0, response_length_ + 1);
  const auto count = static_cast<std::int64_t>(slots.size());
  bool in_order = true;
  for (std::int64_t row = 0; row < count; ++row)
    in_order = in_order && slots[static_cast<std::size_t>(row)] == row;
  if (in_order) return written.narrow(0, 0, count);
  return written.index_select(0, slot_index.defined() ? slot_index : to_device(slots, tensor.device()));
}

at::Tensor SequenceCache::response_keys(LayerIndex layer, const std::vector<std::int64_t>& slots,
                                        const at::Tensor& slot_index) const {
  return select_slots(at_layer(layer).response_keys, slots, slot_index);
}

at::Tensor SequenceCache::response_values(LayerIndex layer, const std::vector<std::int64_t>& slots,
                                          const at::Tensor& slot_index) const {
  return select_slots(at_layer(layer).response_values, slots, slot_index);
}

SequenceCache SequenceCache::share_prompt(std::int64_t response_capacity) const {
  SequenceCache shared(static_cast<std::int64_t>(layers_.size()),
                       {.prompt = capacity_.prompt, .response = response_capacity});
  shared.prompt_length_ = prompt_length_;
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    shared.layers_[layer].prompt_keys = layers_[layer].prompt_keys;
    shared.layers_[layer].prompt_values = layers_[layer].prompt_values;
  }
  return shared;
}

void SequenceCache::fork(std::int64_t from, std::int64_t to) {
  if (response_length_ == 0) return;  // nothing written since the prompt
  if (pool_) {
    pool_->fork(pool_index_, from, to, response_length_);
    return;
  }
  for (Layer& layer : layers_) {
    reserve_slot(layer, to);
    for (at::Tensor* const tensor : {&layer.response_keys, &layer.response_values}) {
      tensor->select(0, to)
          .narrow(1, 0, response_length_)
          .copy_(tensor->select(0, from).narrow(1, 0, response_length_));
    }
  }
}

}  // namespace lacuna
