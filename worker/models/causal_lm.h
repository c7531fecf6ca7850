// A decoder-only language model: embedding, decoder layers, final norm, output head.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "worker/models/architecture.h"
#include "worker/models/stream_observer.h"
#include "worker/nn/decoder_layer.h"

namespace lacuna {

// Tensors are plain members: a loader fills them, a trainer may set requires_grad on them.
struct CausalLm {
  Architecture architecture;
  at::Tensor embedding;  // [vocabulary, hidden]
  std::vector<DecoderLayer> layers;
  RmsNorm final_norm;
  Linear head;  // weight [vocabulary, hidden]; the embedding itself if tied
  RotaryEmbedding rope;

  // One pass over packed tokens (of any number of sequences, as `attention` knows them).
  // token_ids, positions: [tokens] int64 on the model's device, ids below the vocabulary size.
  // -> the stream after the last layer, [tokens, hidden].
  at::Tensor run_layers(const at::Tensor& token_ids, const at::Tensor& positions, AttentionBackend& attention,
                        StreamObserver& observer) const;

  // states [n, hidden] of the stream -> after the final norm, same shape.
  [[nodiscard]] at::Tensor normalize(const at::Tensor& states) const { return final_norm.forward(states); }

  // states [n, hidden] of the stream -> logits [n, vocabulary], in the model's dtype.
  [[nodiscard]] at::Tensor compute_logits(const at::Tensor& states) const {
    return head.forward(normalize(states));
  }

  [[nodiscard]] at::ScalarType dtype() const { return embedding.scalar_type(); }
  [[nodiscard]] at::Device device() const { return embedding.device(); }
};

// Joins the weights of query, key and value, and of gate and up, of every layer (join_weights), which then
// are one product each. For devices other than the CPU, whose kernels compute them together anyway.
void join_projections(CausalLm& model);

// A model of that shape whose layers know their dimensions and whose weights are still undefined.
CausalLm assemble_model(const Architecture& architecture);

}  // namespace lacuna
