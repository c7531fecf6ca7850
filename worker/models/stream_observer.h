// Watches, and may steer, the residual stream. The model knows nothing of LAC or of file formats.
#pragma once

#include <ATen/ATen.h>

#include "core/ids.h"

namespace lacuna {

class StreamObserver {
 public:
  virtual ~StreamObserver() = default;
  // The embedding output [tokens, hidden], before layer 0.
  virtual void on_embedding(const at::Tensor& /*stream*/) {}
  // `carried`: the stream before the layer, `candidate`: after it, both [tokens, hidden]. Returns what the
  // next layer sees; a mere watcher returns `candidate`.
  virtual at::Tensor on_layer(LayerIndex /*layer*/, const at::Tensor& /*carried*/,
                              const at::Tensor& candidate) {
    return candidate;
  }
};

}  // namespace lacuna
