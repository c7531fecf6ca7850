#include "analysis/statistics.h"

#include <gtest/gtest.h>

namespace lacuna {
namespace {

// In percent. The upper end for 25/40 is 75.777 (a published list of these examples cuts it to 75.77).
void expect_interval(std::int64_t successes, std::int64_t trials, double low, double high) {
  const Interval interval = wilson_interval(successes, trials);
  EXPECT_NEAR(100 * interval.low, low, 0.005) << successes << "/" << trials;
  EXPECT_NEAR(100 * interval.high, high, 0.005) << successes << "/" << trials;
}

TEST(Statistics, WilsonIntervalsOfKnownProportions) {
  expect_interval(27, 198, 9.54, 19.11);
  expect_interval(36, 198, 13.43, 24.14);
  expect_interval(9723, 14042, 68.47, 70.00);
  expect_interval(10010, 14042, 70.53, 72.03);
  expect_interval(0, 20, 0, 16.11);
  expect_interval(20, 20, 83.89, 100);
  expect_interval(29, 40, 57.17, 83.89);
  expect_interval(25, 40, 47.03, 75.78);
}

TEST(Statistics, WilsonIntervalsStayWithinZeroAndOne) {
  EXPECT_EQ(wilson_interval(0, 1).low, 0);
  EXPECT_EQ(wilson_interval(1, 1).high, 1);
}

TEST(Statistics, McNemarExactPValues) {
  EXPECT_NEAR(mcnemar_exact_p(7, 3), 0.34375, 1e-10);
  EXPECT_NEAR(mcnemar_exact_p(15, 6), 0.0783538819, 1e-10);
  EXPECT_NEAR(mcnemar_exact_p(20, 11), 0.1496127844, 1e-10);
  EXPECT_NEAR(mcnemar_exact_p(16, 7), 0.0931396484, 1e-10);
  EXPECT_NEAR(mcnemar_exact_p(9, 0), 0.00390625, 1e-10);
  EXPECT_NEAR(mcnemar_exact_p(30, 21), 0.2624375357, 1e-10);
}

TEST(Statistics, McNemarIsSymmetricAndBounded) {
  EXPECT_EQ(mcnemar_exact_p(0, 0), 1);
  EXPECT_EQ(mcnemar_exact_p(4, 4), 1);
  EXPECT_EQ(mcnemar_exact_p(3, 7), mcnemar_exact_p(7, 3));
  const double far = mcnemar_exact_p(3000, 2000);
  EXPECT_GT(far, 0);
  EXPECT_LT(far, 1e-40);
}

}  // namespace
}  // namespace lacuna
