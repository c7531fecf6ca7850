#include "worker/nn/sequence_cache.h"

#include <algorithm>
#include <numeric>

namespace lacuna {

SequenceCache::SequenceCache(std::int64_t layers, std::int64_t response_capacity)
    : layers_(static_cast<std::size_t>(layers)), response_capacity_(response_capacity) {}

void SequenceCache::set_prompt(LayerIndex layer, at::Tensor keys, at::Tensor values) {
  Layer& entry = layers_[static_cast<std::size_t>(layer.value())];
  prompt_length_ = keys.size(1);
  entry.prompt_keys = std::move(keys);
  entry.prompt_values = std::move(values);
}

void SequenceCache::reserve_slot(Layer& layer, std::int64_t slot) const {
  const std::int64_t present = layer.response_keys.defined() ? layer.response_keys.size(0) : 0;
  if (slot < present) return;
  const std::int64_t wanted = std::max(slot + 1, 2 * present);
  const auto grow = [&](at::Tensor& tensor, const at::Tensor& like) {
    at::Tensor grown = at::zeros({wanted, like.size(0), response_capacity_, like.size(2)}, like.options());
    if (present > 0) grown.narrow(0, 0, present).copy_(tensor);
    tensor = grown;
  };
  grow(layer.response_keys, layer.prompt_keys);
  grow(layer.response_values, layer.prompt_values);
}

void SequenceCache::write_response(LayerIndex layer, const std::vector<std::int64_t>& slots,
                                   const at::Tensor& keys, const at::Tensor& values) {
  Layer& entry = layers_[static_cast<std::size_t>(layer.value())];
  reserve_slot(entry, *std::max_element(slots.begin(), slots.end()));
  for (std::size_t row = 0; row < slots.size(); ++row) {
    const auto source = static_cast<std::int64_t>(row);
    entry.response_keys.select(0, slots[row]).select(1, response_length_).copy_(keys.select(0, source));
    entry.response_values.select(0, slots[row]).select(1, response_length_).copy_(values.select(0, source));
  }
}

at::Tensor SequenceCache::select_slots(const at::Tensor& tensor,
                                       const std::vector<std::int64_t>& slots) const {
  const at::Tensor written = tensor.narrow(2, 0, response_length_ + 1);
  const auto count = static_cast<std::int64_t>(slots.size());
  bool in_order = true;
  for (std::int64_t row = 0; row < count; ++row)
    in_order = in_order && slots[static_cast<std::size_t>(row)] == row;
  if (in_order) return written.narrow(0, 0, count);
  const at::Tensor index = at::tensor(slots, at::TensorOptions().dtype(at::kLong)).to(tensor.device());
  return written.index_select(0, index);
}

at::Tensor SequenceCache::response_keys(LayerIndex layer, const std::vector<std::int64_t>& slots) const {
  return select_slots(at_layer(layer).response_keys, slots);
}

at::Tensor SequenceCache::response_values(LayerIndex layer, const std::vector<std::int64_t>& slots) const {
  return select_slots(at_layer(layer).response_values, slots);
}

SequenceCache SequenceCache::share_prompt(std::int64_t response_capacity) const {
  SequenceCache shared(static_cast<std::int64_t>(layers_.size()), response_capacity);
  shared.prompt_length_ = prompt_length_;
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    shared.layers_[layer].prompt_keys = layers_[layer].prompt_keys;
    shared.layers_[layer].prompt_values = layers_[layer].prompt_values;
  }
  return shared;
}

void SequenceCache::fork(std::int64_t from, std::int64_t to) {
  if (response_length_ == 0) return;  // nothing written since the prompt
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
