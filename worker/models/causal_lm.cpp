#include "worker/models/causal_lm.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>

#include <optional>

namespace lacuna {

at::Tensor CausalLm::run_layers(const at::Tensor& token_ids, const at::Tensor& positions,
                                AttentionBackend& attention, StreamObserver& observer) const {
  // Where nothing is to be differentiated, operators need not pass through autograd, which for the small ones
  // of a decode step takes as long as they do.
  std::optional<at::AutoDispatchBelowADInplaceOrView> without_autograd;
  if (!at::GradMode::is_enabled()) without_autograd.emplace();
  const RotaryAngles angles = rope.compute_angles(positions, dtype());
  at::Tensor stream = at::embedding(embedding, token_ids);
  observer.on_embedding(stream);
  for (std::size_t index = 0; index < layers.size(); ++index) {
    const LayerIndex layer(static_cast<std::int32_t>(index));
    stream = observer.on_layer(layer, stream, layers[index].forward(layer, stream, angles, attention));
  }
  return stream;
}

void join_projections(CausalLm& model) {
  for (DecoderLayer& layer : model.layers) {
    join_weights({&layer.attention.query, &layer.attention.key, &layer.attention.value});
    join_weights({&layer.mlp.gate, &layer.mlp.up});
  }
}

CausalLm assemble_model(const Architecture& architecture) {
  CausalLm model;
  model.architecture = architecture;
  model.rope = RotaryEmbedding(architecture.head_dim, architecture.rope_theta, architecture.rope_scaling);
  model.final_norm.epsilon = architecture.rms_norm_epsilon;
  model.layers.resize(static_cast<std::size_t>(architecture.layers));
  std::int64_t index = 0;
  for (DecoderLayer& layer : model.layers) {
    layer.attention_norm.epsilon = architecture.rms_norm_epsilon;
    layer.mlp_norm.epsilon = architecture.rms_norm_epsilon;
    layer.attention.heads = architecture.heads;
    layer.attention.kv_heads = architecture.kv_heads;
    layer.attention.head_dim = architecture.head_dim;
    layer.attention.window = index >= architecture.first_windowed_layer ? architecture.window : 0;
    ++index;
  }
  return model;
}

}  // namespace lacuna
