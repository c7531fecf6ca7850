// Trains a demo model through the inference code itself: worker/models under gradients.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "apps/demo_maker/training_sample.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

struct TrainingSettings {
  std::int64_t steps = 1500;
  std::size_t batch = 48;
  double learning_rate = 3e-3;  // after the warm-up; falls to zero in the last quarter
  std::int64_t warmup_steps = 50;
  double weight_decay = 0.01;
  // Level n of the samples joins in after n times so many steps. Asked about everything at once, so small a
  // model stays at guessing for very long; one category at a time it learns each in a few dozen steps.
  std::int64_t steps_per_level = 0;
  // Weight of the answer loss read off after each layer but the last: what lets a model still answer, less
  // well, when trailing layers are left out.
  std::vector<double> early_exit_weights;
  // Wanted ratio of a layer's norm growth to the range of growths before it (see shape_growth); negative: no
  // wish.
  std::vector<double> growth_targets;
  double growth_weight = 0;
  std::uint64_t seed = 1;
};

// What the embedded demo is made with.
TrainingSettings choose_demo_training();

// Fills every weight of the assembled model with small random numbers and turns gradients on.
void initialize_weights(CausalLm& model, std::uint64_t seed);

// Every weight with the name that Hugging Face checkpoints of the Llama family give it. A tied head is left
// out.
std::vector<std::pair<std::string, at::Tensor*>> list_weights(CausalLm& model);

// Trains on batches drawn from `samples`; calls `report(step, loss)` now and then. Deterministic for a given
// number of compute threads.
void train_model(CausalLm& model, const std::vector<TrainingSample>& samples,
                 const TrainingSettings& settings, const std::function<void(std::int64_t, double)>& report);

}  // namespace lacuna
