#include "worker/lac/void_rule.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace lacuna {
namespace {

// Decisions of one token whose norms are given, embedding first.
std::vector<bool> decide(const std::vector<float>& norms, double alpha,
                         RuleArithmetic arithmetic = RuleArithmetic::kFloat32) {
  const auto rule = make_void_rule(kPaperRule, arithmetic);
  rule->begin(1);
  std::vector<bool> active;
  for (std::size_t layer = 0; layer + 1 < norms.size(); ++layer) {
    rule->observe_layer(std::span(&norms[layer], 1), std::span(&norms[layer + 1], 1));
    active.push_back(rule->is_active(0, alpha));
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
  // Deltas 1, 0.00390625 (= 2^-8): their difference 0.99609375 rounds to itself in bfloat16, and alpha 0.1
  // becomes 0.10009765625; the threshold 0.09970... rounds to 0.099609375, so a delta of that value ties.
  const std::vector<float> norms = {0.0F, 1.0F, 1.00390625F, 1.103515625F};
  EXPECT_EQ(decide(norms, 0.1, RuleArithmetic::kBFloat16).back(), true);
  EXPECT_EQ(decide({0.0F, 1.0F, 1.00390625F, 1.1030F}, 0.1, RuleArithmetic::kBFloat16).back(), false);
}

TEST(VoidRule, UnknownNamesListTheKnownOnes) {
  try {
    make_void_rule("l1", RuleArithmetic::kFloat32);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("l2-delta"), std::string::npos);
  }
}

}  // namespace
}  // namespace lacuna
