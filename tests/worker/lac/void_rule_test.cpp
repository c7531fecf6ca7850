#include "worker/lac/void_rule.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace lacuna {
namespace {

// Decisions of one token whose norms are given, embedding first.
std::vector<bool> decide(const std::vector<float>& norms, double alpha,
                         at::ScalarType arithmetic = at::kFloat) {
  const auto rule = make_void_rule(kPaperRule);
  const auto to_tensor = [&](float value) { return at::full({1}, value, at::kFloat).to(arithmetic); };
  const at::Tensor alphas = to_tensor(static_cast<float>(alpha));
  std::vector<bool> active;
  for (std::size_t layer = 0; layer + 1 < norms.size(); ++layer) {
    rule->observe_layer(to_tensor(norms[layer]), to_tensor(norms[layer + 1]));
    active.push_back(rule->find_active(alphas).item<bool>());
  }
  return active;
}

TEST(L2DeltaRule, TheFirstTwoLayersAreJudgedAgainstZero) {
  EXPECT_EQ(decide({5, 6, 7}, 0.9), (std::vector<bool>{true, true}));
  EXPECT_EQ(decide({5, 4, 3}, 0.9), (std::vector<bool>{false, false}));
  EXPECT_EQ(decide({5, 5, 5}, 0.9), (std::vector<bool>{true, true}));  // a tie is active
}

TEST(L2DeltaRule, TheThresholdIsAlphaTimesTheRangeOfEarlierDeltas) {
  // Deltas 1, 5, 2: the range before layer 2 is 4, so at alpha 0.5 the threshold is exactly 2: a tie.
  EXPECT_EQ(decide({0, 1, 6, 8}, 0.5), (std::vector<bool>{true, true, true}));
  EXPECT_EQ(decide({0, 1, 6, 8}, 0.51), (std::vector<bool>{true, true, false}));
}

TEST(L2DeltaRule, VoidLayersCountInLaterRanges) {
  // Deltas 1, -3, 3: layer 1 is void, yet the range before layer 2 is 4.
  EXPECT_EQ(decide({10, 11, 8, 11}, 0.75), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(decide({10, 11, 8, 11}, 0.76), (std::vector<bool>{true, false, false}));
}

TEST(L2DeltaRule, TheLayersOwnDeltaDoesNotWidenItsRange) {
  // Deltas 0, 0, 8: the range before layer 2 is 0 however large its own delta.
  EXPECT_EQ(decide({1, 1, 1, 9, 9.5}, 0.9), (std::vector<bool>{true, true, true, false}));
}

TEST(L2DeltaRule, BFloat16RoundsEveryStep) {
  // Deltas -1.03125 and 0. In bfloat16 alpha 0.1 is 205 / 2048, and the threshold, 205 / 2048 * 1.03125 =
  // 211.4 / 2048, is 211 / 2048, which then is a tie; in float32 it is 0.103125 = 211.2 / 2048.
  const auto norms = [](float last) { return std::vector<float>{1.03125F, 0, 0, last / 2048}; };
  EXPECT_EQ(decide(norms(211), 0.1, at::kBFloat16).back(), true);
  EXPECT_EQ(decide(norms(210), 0.1, at::kBFloat16).back(), false);
  EXPECT_EQ(decide(norms(211), 0.1).back(), false);
  EXPECT_EQ(decide(norms(212), 0.1).back(), true);
}

TEST(L2DeltaRule, EveryTokenIsDecidedForEveryThreshold) {
  // Deltas before layer 2: token 0 as in TheThresholdIs..., token 1 with range 8 and delta 4.
  const auto rule = make_void_rule(kPaperRule);
  const std::vector<std::vector<float>> norms = {{0, 0}, {1, 8}, {6, 8}, {8, 12}};
  for (std::size_t layer = 0; layer + 1 < norms.size(); ++layer) {
    rule->observe_layer(at::tensor(norms[layer]), at::tensor(norms[layer + 1]));
  }
  const at::Tensor active = rule->find_active(at::tensor(std::vector<float>{0.5F, 0.51F}).unsqueeze(1));
  EXPECT_TRUE(at::equal(active, at::tensor({1, 1, 0, 0}).view({2, 2}).to(at::kBool)));
  const at::Tensor own = rule->find_active(at::tensor(std::vector<float>{0.51F, 0.5F}));
  EXPECT_TRUE(at::equal(own, at::tensor({0, 1}).to(at::kBool)));
}

TEST(L2DeltaRule, AllLayersAtOnceAreThoseOneByOne) {
  at::manual_seed(5);
  const at::Tensor alphas = at::tensor({0.1F, 0.5F, 0.9F});
  for (const at::ScalarType arithmetic : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t layers : {1, 2, 3, 24}) {
      // A random walk that grows and shrinks.
      const at::Tensor norms = (at::cumsum(at::randn({layers + 1, 40}), 0) + 20).to(arithmetic);
      const at::Tensor at_once = make_void_rule(kPaperRule)->find_all_active(norms, alphas.to(arithmetic));
      const auto rule = make_void_rule(kPaperRule);
      for (std::int64_t layer = 0; layer < layers; ++layer) {
        rule->observe_layer(norms[layer], norms[layer + 1]);
        EXPECT_TRUE(at::equal(at_once[layer], rule->find_active(alphas.to(arithmetic).unsqueeze(1))))
            << "layer " << layer << " of " << layers;
      }
    }
  }
}

// A rule that overrides nothing: even layers are void.
class EvenRule : public VoidRule {
 public:
  void observe_layer(const at::Tensor& carried, const at::Tensor& /*candidate*/) override {
    tokens_ = carried.size(0);
    ++layers_;
  }
  [[nodiscard]] at::Tensor find_active(const at::Tensor& alphas) const override {
    return at::full({alphas.size(0), tokens_}, layers_ % 2 == 0, at::kBool);
  }

 private:
  std::int64_t tokens_ = 0;
  int layers_ = 0;
};

TEST(VoidRule, AllLayersAreObservedOneByOneByDefault) {
  const at::Tensor active = EvenRule().find_all_active(at::zeros({4, 5}), at::tensor({0.1F, 0.2F}));
  EXPECT_EQ(active.sizes(), (std::vector<std::int64_t>{3, 2, 5}));
  EXPECT_TRUE(at::equal(active.select(2, 0).select(1, 0), at::tensor({0, 1, 0}).to(at::kBool)));
}

TEST(VoidRule, UnknownNamesListTheKnownOnes) {
  try {
    make_void_rule("l1");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("l2-delta"), std::string::npos);
  }
}

}  // namespace
}  // namespace lacuna
