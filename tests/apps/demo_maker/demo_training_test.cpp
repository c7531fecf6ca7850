#include "apps/demo_maker/demo_training.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "apps/demo_maker/demo_families.h"
#include "apps/demo_maker/exit_report.h"
#include "tests/temporary_folder.h"
#include "worker/checkpoint/safetensors_writer.h"
#include "worker/models/load_model.h"
#include "worker/nn/dense_causal_attention.h"

namespace lacuna::testing {
namespace {

DemoFamily shrink(DemoFamily family) {
  family.shape.layers = 3;
  family.shape.hidden = 16;
  family.shape.head_dim = family.shape.family == "mistral" ? 6 : 4;
  family.shape.intermediate = 24;
  family.shape.vocabulary = 20;
  return family;
}

std::vector<TrainingSample> make_copy_task() {
  std::vector<TrainingSample> samples;
  for (std::int64_t a = 3; a < 15; ++a) {
    samples.push_back({.ids = {1, a, 2, a, 0}, .answer_begin = 3, .level = static_cast<std::size_t>(a) / 8});
    samples.push_back({.ids = {1, 1, a, 2, a, 0}, .answer_begin = 4, .kind = 1});
  }
  return samples;
}

TrainingSettings choose_short_training() {
  TrainingSettings settings = choose_demo_training();
  settings.steps = 4;
  settings.batch = 6;
  settings.warmup_steps = 1;
  settings.steps_per_level = 2;
  settings.early_exit_weights = {0, 0.1};
  settings.growth_targets = {-1, -1, 0.5};
  return settings;
}

class Training : public ::testing::TestWithParam<DemoFamily> {
 protected:
  static CausalLm train(const TrainingSettings& settings) {
    CausalLm model = assemble_model(shrink(GetParam()).shape);
    initialize_weights(model, 4);
    train_model(model, make_copy_task(), settings, [](std::int64_t, double) {});
    return model;
  }
};

TEST_P(Training, GivesTheSameBitsAgainAndMovesEveryWeight) {
  CausalLm first = train(choose_short_training());
  CausalLm second = train(choose_short_training());
  CausalLm untrained = assemble_model(shrink(GetParam()).shape);
  initialize_weights(untrained, 4);
  const auto weights = list_weights(first);
  const auto again = list_weights(second);
  const auto before = list_weights(untrained);
  ASSERT_EQ(weights.size(), again.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_TRUE(at::equal(*weights[i].second, *again[i].second)) << weights[i].first;
    EXPECT_FALSE(at::equal(*weights[i].second, *before[i].second)) << weights[i].first;
  }
}

TEST_P(Training, WritesACheckpointThatTheLoaderReadsAsTheSameModel) {
  const TemporaryFolder directory;
  DemoFamily family = shrink(GetParam());
  CausalLm model = train(choose_short_training());
  write_model_configs(directory.path(), family, {"x", family.end_token});
  std::vector<std::pair<std::string, at::Tensor>> stored;
  for (const auto& [name, weight] : list_weights(model)) stored.emplace_back(name, weight->detach());
  write_safetensors(directory.path() / "model.safetensors", stored);
  const LoadedModel loaded = load_model(directory.path(), DataType::kFloat32, at::kCPU);
  EXPECT_EQ(loaded.stop_tokens, std::vector<TokenId>{TokenId(1)});

  const at::NoGradGuard no_grad;
  const at::Tensor ids = at::arange(0, 20, at::kLong);
  const auto run = [&](const CausalLm& lm) {
    DenseCausalAttention attention(1, 20);
    StreamObserver observer;
    return lm.compute_logits(lm.run_layers(ids, ids, attention, observer));
  };
  EXPECT_TRUE(at::equal(run(loaded.model), run(model)));
}

TEST_P(Training, LearnsAnEasyTask) {
  TrainingSettings settings = choose_short_training();
  settings.steps = 150;
  settings.batch = 24;
  settings.learning_rate = 1e-2;
  settings.growth_weight = 0;
  const CausalLm model = train(settings);
  const ExitReport report = measure_exits(model, make_copy_task(), {0.0, 1.0});
  EXPECT_EQ(report.asked, (std::vector<std::size_t>{12, 12}));
  EXPECT_GE(report.scores[0].right[0] + report.scores[0].right[1], 20U);
  EXPECT_EQ(report.scores.size(), 3U);
  EXPECT_GE(report.scores[1].active_share, report.scores[2].active_share);
  const double all_layers = static_cast<double>(report.scores[0].right[0] + report.scores[0].right[1]) / 24.0;
  EXPECT_DOUBLE_EQ(report.layer_accuracy.back(), all_layers);
}

INSTANTIATE_TEST_SUITE_P(All, Training, ::testing::ValuesIn(demo_families()),
                         [](const auto& info) { return info.param.shape.family; });

}  // namespace
}  // namespace lacuna::testing
