// Keys and values of a batch of sequences in one tensor each, so that LibTorch's operators serve all of them
// in one call (pooled_attention.h). On a GPU a decode step takes as long as its calls, not as their work.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "core/ids.h"

namespace lacuna {

// Tokens that a cache makes room for.
struct CacheCapacity {
  std::int64_t prompt = 0;
  std::int64_t response = 0;  // of a branch
};

struct CachePoolShape {
  std::int64_t layers = 0;
  std::int64_t sequences = 0;
  std::int64_t slots = 0;  // branches that a sequence's responses may part into
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  CacheCapacity capacity;  // of the longest sequence
};

// All memory is taken at once and holds zeros: what lies behind a shorter prompt is read, with weight 0.
class CachePool {
 public:
  // `like`: device and dtype. Throws c10::Error if there is no memory for it.
  CachePool(const CachePoolShape& shape, const at::TensorOptions& like);

  [[nodiscard]] std::int64_t sequences() const { return prompt_keys_.size(1); }
  [[nodiscard]] std::int64_t slots() const { return response_keys_.size(1); }
  [[nodiscard]] std::int64_t kv_heads() const { return prompt_keys_.size(2); }

  // [sequences, kv_heads, prompt capacity, head_dim].
  [[nodiscard]] at::Tensor prompt_keys(LayerIndex layer) const { return at_layer(prompt_keys_, layer); }
  [[nodiscard]] at::Tensor prompt_values(LayerIndex layer) const { return at_layer(prompt_values_, layer); }
  // [slots, sequences, kv_heads, response capacity, head_dim]. Slots come first so that the first few of all
  // sequences are one batch of products without being copied.
  [[nodiscard]] at::Tensor response_keys(LayerIndex layer) const { return at_layer(response_keys_, layer); }
  [[nodiscard]] at::Tensor response_values(LayerIndex layer) const {
    return at_layer(response_values_, layer);
  }

  // Copies the first `length` response positions of a sequence's slot to another, in all layers.
  void fork(std::int64_t sequence, std::int64_t from, std::int64_t to, std::int64_t length) const;

 private:
  [[nodiscard]] static at::Tensor at_layer(const at::Tensor& tensor, LayerIndex layer) {
    return tensor.select(0, layer.value());
  }

  // Layers first.
  at::Tensor prompt_keys_, prompt_values_, response_keys_, response_values_;
};

}  // namespace lacuna
