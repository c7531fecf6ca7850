#include "worker/benchmarks/choice_scoring.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace lacuna {
namespace {

ScoreRecord make_record(const std::vector<std::pair<double, std::int32_t>>& sums_and_characters) {
  ScoreRecord record;
  char letter = 'A';
  for (const auto& [log_likelihood, characters] : sums_and_characters) {
    record.continuations.push_back({.choice = std::string(1, letter++),
                                    .tokens = 1,
                                    .characters = characters,
                                    .log_likelihood = log_likelihood,
                                    .is_greedy = false});
  }
  return record;
}

TEST(ChoiceScoring, TheLargestLogLikelihoodWins) {
  ScoreRecord record = make_record({{-3, 1}, {-1.5, 1}, {-2, 1}});
  choose_by_log_likelihood(record, "B", false);
  EXPECT_EQ(record.choice, "B");
  EXPECT_TRUE(record.correct);
  EXPECT_EQ(record.choice_normalized, "");
  EXPECT_FALSE(record.correct_normalized);
}

TEST(ChoiceScoring, TheFirstOfEqualsWins) {
  ScoreRecord record = make_record({{-3, 1}, {-2, 1}, {-2, 1}});
  choose_by_log_likelihood(record, "C", false);
  EXPECT_EQ(record.choice, "B");
  EXPECT_FALSE(record.correct);
}

TEST(ChoiceScoring, NormalizingDividesByCharacters) {
  // -4 / 4 is more than -3 / 1.
  ScoreRecord record = make_record({{-3, 1}, {-4, 4}});
  choose_by_log_likelihood(record, "B", true);
  EXPECT_EQ(record.choice, "A");
  EXPECT_FALSE(record.correct);
  EXPECT_EQ(record.choice_normalized, "B");
  EXPECT_TRUE(record.correct_normalized);
}

TEST(ChoiceScoring, NothingToChooseFromIsAProgrammingError) {
  ScoreRecord record;
  EXPECT_THROW(choose_by_log_likelihood(record, "A", false), std::logic_error);
}

}  // namespace
}  // namespace lacuna
