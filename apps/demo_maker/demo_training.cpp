#include "apps/demo_maker/demo_training.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "apps/demo_maker/demo_random.h"
#include "worker/models/state_recorder.h"
#include "worker/nn/dense_causal_attention.h"

namespace lacuna {
namespace {

std::vector<at::Tensor> run_recorded(const CausalLm& model, const SampleBatch& batch) {
  DenseCausalAttention attention(batch.size, batch.length);
  StateRecorder recorder;
  (void)model.run_layers(batch.ids, batch.positions, attention, recorder);
  return recorder.states;
}

// Growth of the norm in every layer: [layers, rows] from layers + 1 states [rows, hidden].
at::Tensor compute_growth(const std::vector<at::Tensor>& states) {
  std::vector<at::Tensor> norms;
  for (const at::Tensor& state : states) norms.push_back(at::sqrt(at::sum(state * state, {-1}) + 1e-6));
  const at::Tensor stacked = at::stack(norms);
  return stacked.slice(0, 1) - stacked.slice(0, 0, -1);
}

// Range (max - min) of the growths before layer l, [rows]; l >= 1.
at::Tensor range_before(const at::Tensor& growth, std::int64_t layer) {
  const at::Tensor earlier = growth.slice(0, 0, layer);
  return at::amax(earlier, {0}) - at::amin(earlier, {0});
}

// Pulls the growth of late layers to a wanted share of the range of growths before them, so that rising
// thresholds make void one trailing layer after the other.
at::Tensor shape_growth(const at::Tensor& growth, const std::vector<double>& targets) {
  at::Tensor loss = at::zeros({}, growth.options());
  for (std::size_t layer = 2; layer < targets.size(); ++layer) {
    if (targets[layer] < 0) continue;
    const auto index = static_cast<std::int64_t>(layer);
    const at::Tensor range = range_before(growth, index) + 1e-3;
    loss = loss + at::smooth_l1_loss(growth[index] / range, at::full_like(range, targets[layer]));
  }
  return loss;
}

at::Tensor compute_loss(const CausalLm& model, const SampleBatch& batch, const TrainingSettings& settings) {
  const std::vector<at::Tensor> states = run_recorded(model, batch);
  std::vector<at::Tensor> chooser_states;
  for (const at::Tensor& state : states) chooser_states.push_back(state.index_select(0, batch.choosers));
  at::Tensor loss = at::cross_entropy_loss(model.compute_logits(chooser_states.back()), batch.answers);
  for (std::size_t layer = 0; layer < settings.early_exit_weights.size(); ++layer) {
    const double weight = settings.early_exit_weights[layer];
    if (weight <= 0) continue;
    loss = loss +
           weight * at::cross_entropy_loss(model.compute_logits(chooser_states[layer + 1]), batch.answers);
  }
  if (settings.growth_weight > 0) {
    loss =
        loss + settings.growth_weight * shape_growth(compute_growth(chooser_states), settings.growth_targets);
  }
  return loss;
}

// Share of the full learning rate: it rises, stays, and falls to zero over the last quarter of the steps.
double schedule(std::int64_t step, const TrainingSettings& settings) {
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(1, whole));
  };
  const double rise = share(step + 1, settings.warmup_steps);
  const double fall = share(settings.steps - step, settings.steps / 4);
  return std::min({1.0, rise, fall});
}

void add_linear(std::vector<std::pair<std::string, at::Tensor*>>& weights, const std::string& name,
                Linear& linear, bool has_bias) {
  weights.emplace_back(name + ".weight", &linear.weight);
  if (has_bias) weights.emplace_back(name + ".bias", &linear.bias);
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor*>> list_weights(CausalLm& model) {
  std::vector<std::pair<std::string, at::Tensor*>> weights;
  const bool biased = model.architecture.qkv_bias;
  weights.emplace_back("model.embed_tokens.weight", &model.embedding);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    DecoderLayer& layer = model.layers[i];
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    weights.emplace_back(prefix + "input_layernorm.weight", &layer.attention_norm.weight);
    add_linear(weights, prefix + "self_attn.q_proj", layer.attention.query, biased);
    add_linear(weights, prefix + "self_attn.k_proj", layer.attention.key, biased);
    add_linear(weights, prefix + "self_attn.v_proj", layer.attention.value, biased);
    add_linear(weights, prefix + "self_attn.o_proj", layer.attention.output, false);
    weights.emplace_back(prefix + "post_attention_layernorm.weight", &layer.mlp_norm.weight);
    add_linear(weights, prefix + "mlp.gate_proj", layer.mlp.gate, false);
    add_linear(weights, prefix + "mlp.up_proj", layer.mlp.up, false);
    add_linear(weights, prefix + "mlp.down_proj", layer.mlp.down, false);
  }
  weights.emplace_back("model.norm.weight", &model.final_norm.weight);
  if (!model.architecture.tied_head) weights.emplace_back("lm_head.weight", &model.head.weight);
  return weights;
}

TrainingSettings choose_demo_training() {
  TrainingSettings settings;
  settings.steps = 700;
  settings.batch = 48;
  settings.learning_rate = 2e-3;
  settings.steps_per_level = 45;
  settings.early_exit_weights = {0, 0, 0, 0.03, 0.1};
  settings.growth_targets = {-1, -1, -1, 0.75, 0.5, 0.25};
  settings.growth_weight = 0.1;
  return settings;
}

void initialize_weights(CausalLm& model, std::uint64_t seed) {
  const Architecture& shape = model.architecture;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto draw = [&](std::int64_t rows, std::int64_t columns, double deviation) {
    at::Tensor weight = torch::empty({rows, columns});
    weight.normal_(0, deviation, generator);
    return weight;
  };
  const auto fan_in = [](std::int64_t n) { return 1.0 / std::sqrt(static_cast<double>(n)); };
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(shape.layers));
  const std::int64_t q = shape.heads * shape.head_dim;
  const std::int64_t kv = shape.kv_heads * shape.head_dim;
  model.embedding = draw(shape.vocabulary, shape.hidden, fan_in(shape.hidden));
  for (DecoderLayer& layer : model.layers) {
    layer.attention_norm.weight = torch::ones({shape.hidden});
    layer.mlp_norm.weight = torch::ones({shape.hidden});
    layer.attention.query.weight = draw(q, shape.hidden, fan_in(shape.hidden));
    layer.attention.key.weight = draw(kv, shape.hidden, fan_in(shape.hidden));
    layer.attention.value.weight = draw(kv, shape.hidden, fan_in(shape.hidden));
    layer.attention.output.weight = draw(shape.hidden, q, residual * fan_in(q));
    if (shape.qkv_bias) {
      layer.attention.query.bias = torch::zeros({q});
      layer.attention.key.bias = torch::zeros({kv});
      layer.attention.value.bias = torch::zeros({kv});
    }
    layer.mlp.gate.weight = draw(shape.intermediate, shape.hidden, fan_in(shape.hidden));
    layer.mlp.up.weight = draw(shape.intermediate, shape.hidden, fan_in(shape.hidden));
    layer.mlp.down.weight = draw(shape.hidden, shape.intermediate, residual * fan_in(shape.intermediate));
  }
  model.final_norm.weight = torch::ones({shape.hidden});
  if (!shape.tied_head) model.head.weight = draw(shape.vocabulary, shape.hidden, fan_in(shape.hidden));
  for (auto& [name, weight] : list_weights(model)) weight->set_requires_grad(true);
  if (shape.tied_head) model.head.weight = model.embedding;
}

void train_model(CausalLm& model, const std::vector<TrainingSample>& samples,
                 const TrainingSettings& settings, const std::function<void(std::int64_t, double)>& report) {
  std::vector<at::Tensor> parameters;
  for (auto& [name, weight] : list_weights(model)) parameters.push_back(*weight);
  torch::optim::AdamW optimizer(parameters, torch::optim::AdamWOptions(settings.learning_rate)
                                                .betas({0.9, 0.98})
                                                .weight_decay(settings.weight_decay));
  DemoRandom random(settings.seed);
  std::vector<const TrainingSample*> by_level;
  for (const TrainingSample& sample : samples) by_level.push_back(&sample);
  std::stable_sort(by_level.begin(), by_level.end(),
                   [](const auto* left, const auto* right) { return left->level < right->level; });
  std::size_t open = 0;
  double running = 0;
  for (std::int64_t step = 0; step < settings.steps; ++step) {
    std::vector<const TrainingSample*> drawn;
    while (open < by_level.size() &&
           static_cast<std::int64_t>(by_level[open]->level) * settings.steps_per_level <= step) {
      ++open;
    }
    while (drawn.size() < settings.batch) drawn.push_back(by_level[random.below(open)]);
    for (auto& group : optimizer.param_groups()) {
      group.options().set_lr(settings.learning_rate * schedule(step, settings));
    }
    optimizer.zero_grad();
    const at::Tensor loss = compute_loss(model, make_batch(drawn), settings);
    loss.backward();
    torch::nn::utils::clip_grad_norm_(parameters, 1.0);
    optimizer.step();
    const double value = loss.item<double>();
    running = step == 0 ? value : 0.98 * running + 0.02 * value;
    if (step % 50 == 49 || step + 1 == settings.steps) report(step + 1, running);
  }
}

}  // namespace lacuna
