// What a layer's attention sees besides its own projections: the layout of the batch and the key/value
// caches.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "core/ids.h"

namespace lacuna {

// What computes attention.
enum class AttentionPath : std::uint8_t {
  kFastest,    // our kernels where they can (on the CPU), LibTorch's operators elsewhere
  kOperators,  // as on a GPU: LibTorch's operators, or our CUDA kernel over a CachePool
};

class AttentionBackend {
 public:
  virtual ~AttentionBackend() = default;

  // Every token attends to itself and to what its sequence holds before it; keys and values of the given
  // tokens are remembered for later passes where the backend has a cache.
  //
  // q [tokens, heads, head_dim], k and v [tokens, kv_heads, head_dim], q and k after the rotary embedding.
  // `window` > 0: a token sees only the last `window` positions. -> [tokens, heads * head_dim].
  virtual at::Tensor attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::int64_t window) = 0;
};

}  // namespace lacuna
