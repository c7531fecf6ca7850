#include "core/counter_random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lacuna {
namespace {

TEST(CounterRandom, IsAFunctionOfItsArguments) {
  const double value = draw_uniform(1, RandomPurpose::kSampling, "q", 0);
  EXPECT_EQ(draw_uniform(1, RandomPurpose::kSampling, "q", 0), value);
  EXPECT_NE(draw_uniform(2, RandomPurpose::kSampling, "q", 0), value);
  EXPECT_NE(draw_uniform(1, RandomPurpose::kChoiceOrder, "q", 0), value);
  EXPECT_NE(draw_uniform(1, RandomPurpose::kSampling, "r", 0), value);
  EXPECT_NE(draw_uniform(1, RandomPurpose::kSampling, "q", 1), value);
}

TEST(CounterRandom, IsUniform) {
  constexpr int kDraws = 20000;
  double sum = 0;
  double squares = 0;
  for (std::uint32_t step = 0; step < kDraws; ++step) {
    const double value = draw_uniform(7, RandomPurpose::kSampling, "q", step);
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.01);
  EXPECT_NEAR(squares / kDraws, 1.0 / 3.0, 0.01);
}

// A change of generator would silently change every sampled result: these are its values of today.
TEST(CounterRandom, ValuesDoNotChangeBetweenReleases) {
  EXPECT_DOUBLE_EQ(draw_uniform(0, RandomPurpose::kSampling, "mmlu/astronomy/test/0", 0), 0.8830343861694685);
}

}  // namespace
}  // namespace lacuna
