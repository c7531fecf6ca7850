// What the inference benchmark's figures rest on: shapes, random weights, counted work, ratios.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <numeric>

#include "bench/benchmark_report.h"
#include "bench/forking_chooser.h"
#include "bench/model_passes.h"
#include "bench/random_model.h"
#include "bench/random_questions.h"
#include "core/error.h"
#include "worker/models/load_model.h"
#include "worker/nn/compute_threads.h"

namespace lacuna {
namespace {

std::int64_t count_parameters(const Architecture& shape) {
  CausalLm model = assemble_model(shape);
  std::int64_t parameters = 0;
  visit_weights(model, [&](const std::string&, const std::vector<std::int64_t>& weight_shape, at::Tensor&) {
    parameters += c10::multiply_integers(weight_shape);
  });
  return parameters;
}

// One layer with numbers that can be multiplied by hand.
Architecture small_shape() {
  return {.family = "llama",
          .layers = 1,
          .hidden = 10,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 6,
          .intermediate = 20,
          .vocabulary = 100,
          .max_positions = 64,
          .rope_scaling = std::nullopt};
}

TEST(RandomModel, ShapesHaveTheParametersThatTheirPublishersState) {
  EXPECT_EQ(count_parameters(find_shape("qwen2.5-0.5b")), 494'032'768);
  EXPECT_EQ(count_parameters(find_shape("qwen2.5-7b")), 7'615'616'512);
  EXPECT_EQ(count_parameters(find_shape("mistral-7b")), 7'248'023'552);
  EXPECT_EQ(count_parameters(find_shape("llama-3-8b")), 8'030'261'248);
}

TEST(RandomModel, AnUnknownShapeIsRefusedByName) {
  try {
    find_shape("gpt");
    FAIL() << "no exception";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("'gpt'"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("mistral-7b"), std::string::npos) << error.what();
  }
}

TEST(RandomModel, WeightsAreNormalLikeAndTheSameForAnyNumberOfThreads) {
  Architecture shape = find_shape("tiny");
  shape.vocabulary = 10'000;  // several chunks
  set_compute_threads(1);
  const CausalLm alone = make_random_model(shape, at::kFloat, at::kCPU);
  set_compute_threads(3);
  const CausalLm together = make_random_model(shape, at::kFloat, at::kCPU);
  set_compute_threads(1);
  EXPECT_TRUE(at::equal(alone.embedding, together.embedding));
  EXPECT_TRUE(at::equal(alone.layers[3].mlp.down.weight, together.layers[3].mlp.down.weight));
  EXPECT_FALSE(at::equal(alone.layers[2].mlp.down.weight, alone.layers[3].mlp.down.weight));
  EXPECT_NEAR(alone.embedding.mean().item<double>(), 0, 1e-4);
  EXPECT_NEAR(alone.embedding.std().item<double>(), 0.02, 1e-4);
  // Chunks differ from each other.
  EXPECT_FALSE(at::equal(alone.embedding.narrow(0, 0, 1000), alone.embedding.narrow(0, 4096, 1000)));
  EXPECT_TRUE(at::equal(alone.final_norm.weight, at::ones({shape.hidden})));
  EXPECT_TRUE(alone.head.weight.is_same(alone.embedding)) << "a tied head";
}

TEST(RandomModel, DecodingStreamsTheHeadButNotTheEmbedding) {
  Architecture shape = small_shape();
  CausalLm model = make_random_model(shape, at::kFloat, at::kCPU);
  const std::int64_t embedding = 100 * 10;
  EXPECT_EQ(count_streamed_bytes(model), 4 * (count_parameters(shape) - embedding));
  shape.tied_head = true;
  model = make_random_model(shape, at::kFloat, at::kCPU);
  EXPECT_EQ(count_streamed_bytes(model), 4 * count_parameters(shape));
}

TEST(CountedWork, PromptsAndDecodeStepsByHand) {
  const Architecture shape = small_shape();
  // Query and output 10 x 24 each, key and value 10 x 12 each, three MLP weights 10 x 20.
  const double weights = 2 * 240 + 2 * 120 + 3 * 200;
  const double head = 10 * 100;
  // Two tokens see 1 + 2, three see 1 + 2 + 3; scores and mixing, 24 multiply-adds each.
  const std::vector<std::int64_t> lengths = {2, 3};
  EXPECT_EQ(count_prompt_flops(shape, lengths), 2 * (5 * weights + 2 * head + (3 + 6) * 2 * 24));
  const DecodeLoad load{.rows = 3, .cached_tokens = 7, .seen_tokens = 11};
  EXPECT_EQ(count_decode_flops(shape, load), 2 * (3 * weights + 3 * head + 11 * 2 * 24));
  EXPECT_EQ(count_cache_bytes(shape, load, 2), 7 * 2 * 12 * 2);
}

TEST(ModelPasses, TheWatchedPassGivesThePlainLogits) {
  const at::NoGradGuard no_grad;
  const CausalLm model = make_random_model(find_shape("tiny"), at::kFloat, at::kCPU);
  const PromptBatch batch = make_prompt_batch(model, {5, 9});
  EXPECT_EQ(batch.positions[4].item<std::int64_t>(), 4);
  EXPECT_EQ(batch.positions[5].item<std::int64_t>(), 0);
  EXPECT_EQ(batch.last_tokens[1].item<std::int64_t>(), 13);
  const at::Tensor plain = run_prompts_plain(model, batch);
  EXPECT_EQ(plain.sizes(), (std::vector<std::int64_t>{2, 512}));
  EXPECT_TRUE(at::equal(plain, run_prompts_recorded(model, batch, {0.5})));
  // Packed with others a prompt gives what it gives alone.
  EXPECT_TRUE(at::allclose(plain[0], run_prompts_plain(model, make_prompt_batch(model, {5}))[0], 1e-4, 1e-5));
}

TEST(RandomQuestions, LengthsAreThoseOfMmlu) {
  const std::vector<std::int64_t> lengths = draw_mmlu_lengths(32);
  const double mean = std::accumulate(lengths.begin(), lengths.end(), 0.0) / 32;
  EXPECT_NEAR(mean, 163, 2);
  EXPECT_GE(*std::min_element(lengths.begin(), lengths.end()), 66);
  EXPECT_LE(*std::max_element(lengths.begin(), lengths.end()), 809);
  EXPECT_EQ(lengths, draw_mmlu_lengths(32));
  const std::vector<GeneratorPrompt> prompts = make_random_questions({4, 4}, 50);
  EXPECT_EQ(prompts[0].token_ids.size(), 4U);
  EXPECT_NE(prompts[0].token_ids, prompts[1].token_ids);
}

TEST(ForkingChooser, AnswersDifferAsThePolicySays) {
  const at::Tensor logits = at::eye(3);
  const std::vector<ChoiceContext> contexts = {{.logits_row = 2, .branch = 0, .step = 1},
                                               {.logits_row = 2, .branch = 1, .step = 1}};
  const auto choose = [&](ForkPolicy policy) {
    return ForkingChooser(policy, std::make_unique<GreedyChooser>()).choose(logits, contexts);
  };
  EXPECT_EQ(choose(ForkPolicy::kModel), (std::vector<TokenId>{TokenId(2), TokenId(2)}));
  EXPECT_EQ(choose(ForkPolicy::kNone)[0], choose(ForkPolicy::kNone)[1]);
  EXPECT_NE(choose(ForkPolicy::kWorst)[0], choose(ForkPolicy::kWorst)[1]);
  EXPECT_EQ(parse_fork_policy("worst"), ForkPolicy::kWorst);
  EXPECT_THROW(parse_fork_policy("sometimes"), InputError);
}

TEST(BenchmarkReport, RatiosAreOneAtTheBound) {
  Figure figure{.group = "g", .name = "n", .value = 50, .unit = "u", .bound = FigureBound{"b", 200}};
  EXPECT_DOUBLE_EQ(*figure.ratio(), 0.25);
  EXPECT_NE(render_table_line(figure).find("25 %"), std::string::npos);
  figure.less_is_better = true;
  EXPECT_DOUBLE_EQ(*figure.ratio(), 4);
  figure.details = {{"extra", 1}};
  const nlohmann::json json = to_json(figure);
  EXPECT_EQ(json.at("bound"), "b");
  EXPECT_EQ(json.at("ratio"), 4.0);
  EXPECT_EQ(json.at("extra"), 1);
  figure.bound.reset();
  EXPECT_TRUE(to_json(figure).at("ratio").is_null());
}

}  // namespace
}  // namespace lacuna
