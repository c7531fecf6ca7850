// Keeps the whole stream of a pass, for training and for looking at a model.
#pragma once

#include <vector>

#include "worker/models/stream_observer.h"

namespace lacuna {

class StateRecorder : public StreamObserver {
 public:
  void on_embedding(const at::Tensor& stream) override { states.push_back(stream); }
  at::Tensor on_layer(LayerIndex /*layer*/, const at::Tensor& /*carried*/,
                      const at::Tensor& candidate) override {
    states.push_back(candidate);
    return candidate;
  }

  // After the embedding and after every layer: layers + 1 tensors [tokens, hidden].
  std::vector<at::Tensor> states;
};

}  // namespace lacuna
