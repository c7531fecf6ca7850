// Prefill and decode against the dense differentiable attention, which is a few lines of textbook formula.
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "worker/nn/compute_threads.h"
#include "worker/nn/decode_attention.h"
#include "worker/nn/dense_causal_attention.h"
#include "worker/nn/prefill_attention.h"

namespace lacuna {
namespace {

constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kKvHeads = 2;
constexpr std::int64_t kHeadDim = 8;

struct Inputs {
  at::Tensor q, k, v;
  explicit Inputs(std::int64_t tokens) {
    auto generator = at::detail::createCPUGenerator(9);
    q = at::randn({tokens, kHeads, kHeadDim}, generator, at::TensorOptions());
    k = at::randn({tokens, kKvHeads, kHeadDim}, generator, at::TensorOptions());
    v = at::randn({tokens, kKvHeads, kHeadDim}, generator, at::TensorOptions());
  }
};

// Softmax attention of one query head at one position, in plain loops.
at::Tensor attend_by_hand(const Inputs& in, std::int64_t position, std::int64_t head, std::int64_t window) {
  const std::int64_t kv_head = head / (kHeads / kKvHeads);
  const std::int64_t first = window > 0 ? std::max<std::int64_t>(0, position - window + 1) : 0;
  std::vector<at::Tensor> weights, values;
  for (std::int64_t key = first; key <= position; ++key) {
    weights.push_back((in.q[position][head] * in.k[key][kv_head]).sum().to(at::kDouble) /
                      std::sqrt(static_cast<double>(kHeadDim)));
    values.push_back(in.v[key][kv_head].to(at::kDouble));
  }
  return (at::softmax(at::stack(weights), 0).unsqueeze(1) * at::stack(values)).sum(0).to(at::kFloat);
}

class AttentionWindow : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(AttentionWindow, DensePrefillAndDecodeAgreeWithTheFormula) {
  const at::NoGradGuard no_grad;
  set_compute_threads(2);
  constexpr std::int64_t kTokens = 40;
  constexpr std::int64_t kPrompt = 33;
  const std::int64_t window = GetParam();
  const Inputs in(kTokens);
  const LayerIndex layer(0);
  const at::Tensor dense = DenseCausalAttention(1, kTokens).attend(layer, in.q, in.k, in.v, window);
  for (const std::int64_t position : {0, 5, 32, 39}) {
    for (std::int64_t head = 0; head < kHeads; ++head) {
      EXPECT_TRUE(at::allclose(dense[position].view({kHeads, kHeadDim})[head],
                               attend_by_hand(in, position, head, window), 1e-4, 1e-5));
    }
  }
  SequenceCache cache(1, {.prompt = kPrompt, .response = kTokens - kPrompt});
  PrefillAttention prefill({{0, kPrompt, &cache}});
  const at::Tensor prompt = prefill.attend(layer, in.q.narrow(0, 0, kPrompt), in.k.narrow(0, 0, kPrompt),
                                           in.v.narrow(0, 0, kPrompt), window);
  EXPECT_TRUE(at::allclose(prompt, dense.narrow(0, 0, kPrompt), 1e-4, 1e-5));
  for (std::int64_t position = kPrompt; position < kTokens; ++position) {
    // The same token in two branches, the second in a slot out of order.
    DecodeAttention decode({{0, {1, 0}, &cache}});
    const auto twice = [&](const at::Tensor& tensor) {
      return tensor.narrow(0, position, 1).repeat({2, 1, 1});
    };
    const at::Tensor rows = decode.attend(layer, twice(in.q), twice(in.k), twice(in.v), window);
    EXPECT_TRUE(at::allclose(rows[0], dense[position], 1e-4, 1e-5));
    EXPECT_TRUE(at::equal(rows[0], rows[1]));
    cache.advance();
  }
}

INSTANTIATE_TEST_SUITE_P(Windows, AttentionWindow, ::testing::Values(0, 1, 7, 36, 100));

TEST(PrefillAttention, LongPromptsInBlocksEqualTheDenseResult) {
  const at::NoGradGuard no_grad;
  constexpr std::int64_t kFirst = 300;
  constexpr std::int64_t kSecond = 520;
  const Inputs in(kFirst + kSecond);
  const LayerIndex layer(0);
  for (const std::int64_t window : {0, 100}) {
    SequenceCache first(1, {.prompt = kFirst}), second(1, {.prompt = kSecond});
    PrefillAttention packed({{0, kFirst, &first}, {kFirst, kSecond, &second}});
    const at::Tensor both = packed.attend(layer, in.q, in.k, in.v, window);
    const auto alone = [&](std::int64_t begin, std::int64_t count) {
      return DenseCausalAttention(1, count).attend(layer, in.q.narrow(0, begin, count).contiguous(),
                                                   in.k.narrow(0, begin, count).contiguous(),
                                                   in.v.narrow(0, begin, count).contiguous(), window);
    };
    EXPECT_TRUE(at::allclose(both.narrow(0, 0, kFirst), alone(0, kFirst), 1e-4, 1e-5));
    EXPECT_TRUE(at::allclose(both.narrow(0, kFirst, kSecond), alone(kFirst, kSecond), 1e-4, 1e-5));
  }
}

}  // namespace
}  // namespace lacuna
