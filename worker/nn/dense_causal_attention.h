// Attention over a full batch of equally long sequences without a cache; differentiable, for training.
#pragma once

#include "worker/nn/attention_backend.h"

namespace lacuna {

// Tokens come as [batch * length], sequence after sequence.
class DenseCausalAttention : public AttentionBackend {
 public:
  DenseCausalAttention(std::int64_t batch, std::int64_t length) : batch_(batch), length_(length) {}

  at::Tensor attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    std::int64_t window) override;

 private:
  std::int64_t batch_;
  std::int64_t length_;
};

}  // namespace lacuna
