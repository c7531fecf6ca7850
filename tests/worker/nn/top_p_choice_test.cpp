// The draw without sorting against the definition, worked out by sorting in double.
#include "worker/nn/kernels/top_p_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "tests/worker/nn/drawn_elements.h"

namespace lacuna {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The entry by the definition, and how far the noise is from falling on another one, relative to all mass.
struct ExpectedDraw {
  std::int64_t position = 0;
  double margin = 0;
};

ExpectedDraw draw_by_sorting(const std::vector<double>& logits, const TopPSettings& settings, double noise) {
  std::vector<std::int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto logit = [&](std::int64_t position) { return logits[static_cast<std::size_t>(position)]; };
  std::ranges::stable_sort(order, std::ranges::greater(), logit);
  std::vector<double> weights;
  for (const std::int64_t position : order) {
    weights.push_back(std::exp((logit(position) - logit(order.front())) / settings.temperature));
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double margin = total;
  std::size_t kept = 0;
  double kept_sum = 0;
  while (kept < weights.size() && kept_sum <= settings.top_p * total) kept_sum += weights[kept++];
  // With one entry more or less, the noise might fall on another one.
  if (kept > 1) margin = std::abs(kept_sum - weights[kept - 1] - settings.top_p * total);
  if (kept < weights.size()) margin = std::min(margin, std::abs(kept_sum - settings.top_p * total));
  double sum = 0;
  for (std::size_t i = 0; i < kept; ++i) {
    sum += weights[i];
    margin = std::min(margin, std::abs(sum - noise * kept_sum));
    if (sum > noise * kept_sum) return {order[i], margin / total};
  }
  return {order[kept - 1], 0};
}

template <class T>
std::int64_t choose(const std::vector<T>& logits, const TopPSettings& settings, double noise) {
  TopPScratch scratch;
  return choose_top_p(logits.data(), static_cast<std::int64_t>(logits.size()), settings, noise, scratch);
}

template <class T>
class TopPChoice : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(TopPChoice, ElementTypes);

TYPED_TEST(TopPChoice, DrawsTheEntryOfTheDefinition) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform;
  int compared = 0;
  for (const std::int64_t count : {1, 2, 3, 100, 5000}) {
    for (const float spread : {0.0F, 0.5F, 3.0F, 30.0F}) {
      for (const TopPSettings& settings :
           {TopPSettings{.temperature = 0.6, .top_p = 0.9}, TopPSettings{.temperature = 1.5, .top_p = 0.3},
            TopPSettings{.temperature = 1.0, .top_p = 1.0},
            TopPSettings{.temperature = 0.6, .top_p = 1e-9}}) {
        const auto logits = draw<TypeParam>(count, static_cast<unsigned>(count), spread);
        std::vector<double> wide;
        for (const TypeParam logit : logits) wide.push_back(widen(logit));
        for (int draw = 0; draw < 25; ++draw) {
          const double noise = uniform(random);
          const ExpectedDraw expected = draw_by_sorting(wide, settings, noise);
          if (expected.margin < 1e-6) continue;  // float32's exponential may decide otherwise
          ++compared;
          ASSERT_EQ(choose(logits, settings, noise), expected.position)
              << count << " entries, spread " << spread << ", top_p " << settings.top_p << ", noise "
              << noise;
        }
      }
    }
  }
  EXPECT_GT(compared, 1500);
}

TYPED_TEST(TopPChoice, EqualEntriesComeByRisingPosition) {
  const std::vector<TypeParam> logits(8, narrow_to<TypeParam>(-2.5F));
  for (int eighth = 0; eighth < 8; ++eighth) {
    EXPECT_EQ(choose(logits, {.temperature = 1, .top_p = 1}, (eighth + 0.5) / 8), eighth);
  }
  // Entries 0 ... 4 stay: those before them sum up to at most a half.
  EXPECT_EQ(choose(logits, {.temperature = 1, .top_p = 0.5}, 0.999), 4);
}

TYPED_TEST(TopPChoice, MinusZeroEqualsZero) {
  const std::vector<TypeParam> logits = {narrow_to<TypeParam>(-0.0F), narrow_to<TypeParam>(0.0F),
                                         narrow_to<TypeParam>(-0.0F), narrow_to<TypeParam>(0.0F)};
  for (int quarter = 0; quarter < 4; ++quarter) {
    EXPECT_EQ(choose(logits, {.temperature = 1, .top_p = 1}, (quarter + 0.5) / 4), quarter);
  }
}

TYPED_TEST(TopPChoice, EveryEntryThatStaysCanBeDrawnAndNoOther) {
  const auto logits = draw<TypeParam>(40, 3);
  const TopPSettings settings{.temperature = 1, .top_p = 0.7};
  std::set<std::int64_t> drawn;
  for (int i = 0; i < 4000; ++i) drawn.insert(choose(logits, settings, i / 4000.0));
  std::vector<double> weights;
  for (const TypeParam logit : logits) weights.push_back(std::exp(double{widen(logit)}));
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::set<std::int64_t> kept;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    double before = 0;
    for (const double weight : weights) before += weight > weights[i] ? weight : 0;
    if (before <= settings.top_p * total) kept.insert(static_cast<std::int64_t>(i));
  }
  EXPECT_LT(kept.size(), logits.size());
  EXPECT_EQ(drawn, kept);
}

TYPED_TEST(TopPChoice, WhatIsNoFiniteNumberIsHandled) {
  const TypeParam nan = narrow_to<TypeParam>(NAN);
  const TypeParam one = narrow_to<TypeParam>(1.0F);
  const TypeParam infinite = narrow_to<TypeParam>(kInfinity);
  const TypeParam lowest = narrow_to<TypeParam>(-kInfinity);
  const TopPSettings settings{.temperature = 0.6, .top_p = 0.9};
  for (const double noise : {0.0, 0.5, 0.999}) {
    EXPECT_EQ(choose<TypeParam>({nan, lowest, one, nan}, settings, noise), 2);
    EXPECT_EQ(choose<TypeParam>({one, infinite, infinite}, settings, noise), 1);
    EXPECT_EQ(choose<TypeParam>({lowest, lowest}, settings, noise), 0);
  }
}

}  // namespace
}  // namespace lacuna
