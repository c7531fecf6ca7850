#include "worker/benchmarks/choice_scoring.h"

#include <stdexcept>

namespace lacuna {
namespace {

// The choice of the largest value, the first one among equals.
template <class Value>
const std::string& find_best_choice(const std::vector<ContinuationScore>& continuations, Value value_of) {
  const ContinuationScore* best = &continuations.front();
  for (const ContinuationScore& continuation : continuations) {
    if (value_of(continuation) > value_of(*best)) best = &continuation;
  }
  return best->choice;
}

}  // namespace

void choose_by_log_likelihood(ScoreRecord& record, const std::string& gold, bool with_normalized) {
  if (record.continuations.empty()) throw std::logic_error("no continuations to choose from");
  record.choice = find_best_choice(record.continuations,
                                   [](const ContinuationScore& score) { return score.log_likelihood; });
  record.correct = record.choice == gold;
  if (!with_normalized) return;
  record.choice_normalized = find_best_choice(record.continuations, [](const ContinuationScore& score) {
    return score.log_likelihood / static_cast<double>(score.characters);
  });
  record.correct_normalized = record.choice_normalized == gold;
}

}  // namespace lacuna
