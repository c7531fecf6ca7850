#include "worker/benchmarks/choice_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>

#include "worker/benchmarks/python_random.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;

std::string shuffle_1_2_3_c(PythonRandom& random) {
  std::string items = "123C";
  random.shuffle(std::span<char>(items));
  return items;
}

// Expected values of this file's PythonRandom tests: CPython 3.11.
TEST(PythonRandom, ShufflesAsPythonDoes) {
  PythonRandom zero(0);
  for (const char* const expected : {"312C", "12C3", "132C", "21C3", "31C2", "C231", "31C2", "C231"}) {
    EXPECT_EQ(shuffle_1_2_3_c(zero), expected);
  }
  PythonRandom forty_two(42);
  for (const char* const expected : {"32C1", "C312", "2C31", "231C", "23C1", "2C31", "321C", "2C13"}) {
    EXPECT_EQ(shuffle_1_2_3_c(forty_two), expected);
  }
}

TEST(PythonRandom, DrawsBelowABoundAsPythonDoes) {
  PythonRandom random(0);
  std::vector<std::uint32_t> drawn;
  for (int i = 0; i < 10; ++i) drawn.push_back(random.draw_below(7));
  EXPECT_THAT(drawn, ElementsAre(6, 3, 6, 3, 0, 2, 4, 3, 3, 6));
}

TEST(PythonRandom, SamplesFromASmallPopulationAsPythonDoes) {
  PythonRandom random(1234);
  EXPECT_THAT(random.sample(20, 6), ElementsAre(14, 3, 0, 2, 1, 10));
  EXPECT_THAT(random.sample(20, 6), ElementsAre(2, 3, 11, 7, 0, 15));
  EXPECT_THAT(random.sample(20, 6), ElementsAre(0, 11, 15, 14, 4, 1));
}

TEST(PythonRandom, SamplesFromALargePopulationAsPythonDoes) {
  PythonRandom random(1234);
  EXPECT_THAT(random.sample(448, 6), ElementsAre(398, 225, 59, 3, 46, 413));
  EXPECT_THAT(random.sample(448, 6), ElementsAre(298, 17, 343, 354, 42, 50));
  PythonRandom again(1234);
  EXPECT_THAT(again.sample(448, 3), ElementsAre(398, 225, 59));
  EXPECT_THAT(again.sample(448, 3), ElementsAre(3, 46, 413));
}

// Pinned: stored results refer to these orders.
TEST(ChoiceOrder, FixedOrderNeverChanges) {
  EXPECT_THAT(permute_fixed(0, QuestionId("recINVENTED0000")), ElementsAre(2, 1, 3, 0));
  EXPECT_THAT(permute_fixed(0, QuestionId("recINVENTED0001")), ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(permute_fixed(1, QuestionId("recINVENTED0000")), ElementsAre(2, 3, 0, 1));
  EXPECT_THAT(permute_fixed(~std::uint64_t{0}, QuestionId("gpqa/x/7")), ElementsAre(2, 3, 1, 0));
}

TEST(ChoiceOrder, FixedOrderPutsTheRightAnswerEverywhereEquallyOften) {
  std::array<int, 4> count{};
  for (int i = 0; i < 4000; ++i) {
    const Permutation order = permute_fixed(7, QuestionId("rec" + std::to_string(i)));
    ++count.at(static_cast<std::size_t>(std::find(order.begin(), order.end(), 3) - order.begin()));
  }
  // 1000 expected, standard deviation 27
  for (const int c : count) EXPECT_NEAR(c, 1000, 120);
}

}  // namespace
}  // namespace lacuna
