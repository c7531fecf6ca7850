#include "tests/worker/engine/decision_comparison.h"

#include <gtest/gtest-spi.h>

namespace lacuna::testing {
namespace {

const at::Device kGpu(at::kCUDA, 0);  // a name; nothing is computed there

// One token whose growths are 4, 1 and `third`, the range before the third being 3; all layers active.
TraceRows make_rows(float third) {
  TraceRows rows = TraceRows::zeros(1, 1, 3);
  rows.norms = {10, 14, 15, 15 + third};
  for (std::int64_t layer = 0; layer < 3; ++layer) rows.set_active(0, 0, layer);
  return rows;
}

TEST(RelativeMargins, AreDistancesFromTheThreshold) {
  const std::vector<double> margins = relative_margins(make_rows(2), 0, 0.5, /*carries=*/false);
  ASSERT_EQ(margins.size(), 3U);
  EXPECT_DOUBLE_EQ(margins[0], 4.0 / 14);
  EXPECT_DOUBLE_EQ(margins[1], 1.0 / 15);
  EXPECT_DOUBLE_EQ(margins[2], 0.5 / 17);
}

TEST(RelativeMargins, AVoidLayersNormIsNotCarriedOnInPropagate) {
  TraceRows rows = TraceRows::zeros(1, 1, 2);  // both layers void
  rows.norms = {10, 9, 8};
  EXPECT_DOUBLE_EQ(relative_margins(rows, 0, 0.5, /*carries=*/true)[1], 2.0 / 10);
  EXPECT_DOUBLE_EQ(relative_margins(rows, 0, 0.5, /*carries=*/false)[1], 1.0 / 10);
}

TEST(DecisionComparison, OnTheCpuEveryDecisionHasToBeEqual) {
  DecisionComparison comparison("case", at::kCPU);
  EXPECT_TRUE(comparison.compare(make_rows(2), 0, {1, 1, 1}, 0.5, LacMode::kExit));
  EXPECT_NONFATAL_FAILURE(comparison.compare(make_rows(1.5F), 0, {1, 1, 0}, 0.5, LacMode::kExit), "case");
}

TEST(DecisionComparison, OnAGpuOnlyATieMayFallTheOtherWay) {
  DecisionComparison comparison("case", kGpu);
  EXPECT_TRUE(comparison.compare(make_rows(2), 0, {1, 1, 1}, 0.5, LacMode::kExit));
  EXPECT_FALSE(comparison.compare(make_rows(1.5F), 0, {1, 1, 0}, 0.5, LacMode::kExit));
  EXPECT_FALSE(comparison.compare(make_rows(1.50005F), 0, {1, 1, 0}, 0.5, LacMode::kExit));
  EXPECT_NONFATAL_FAILURE(comparison.compare(make_rows(1.5005F), 0, {1, 1, 0}, 0.5, LacMode::kExit),
                          "float32 does not explain");
}

TEST(DecisionComparison, WhatFollowsFromATieIsNotHeldAgainstIt) {
  TraceRows rows = make_rows(1.5F);
  rows.tokens = 2;
  rows.norms.insert(rows.norms.end(), {10, 14, 15, 17});
  rows.active.push_back(rows.active.front());
  DecisionComparison comparison("case", kGpu);
  const std::vector<std::uint8_t> golden = {1, 1, 0, 1, 1, 0};
  EXPECT_FALSE(comparison.compare(rows, 0, golden, 0.5, LacMode::kPropagate));
  EXPECT_NONFATAL_FAILURE(comparison.compare(rows, 0, golden, 0.5, LacMode::kTrace), "token 1 at layer 2");
}

}  // namespace
}  // namespace lacuna::testing
