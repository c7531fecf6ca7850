// How a demo model answers when trailing layers are left out: the check that the demo shows something.
#pragma once

#include <string>
#include <vector>

#include "apps/demo_maker/training_sample.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

struct AlphaScore {
  double alpha = 0;                // negative: nothing is left out
  std::vector<std::size_t> right;  // answers that are right to the last token, by kind of sample
  double active_share = 1;         // of the layers, at the tokens that choose the answer
};

struct ExitReport {
  std::vector<std::size_t> asked;      // samples by kind
  std::vector<AlphaScore> scores;      // without skipping first, then one for every alpha
  std::vector<double> growth;          // by layer: mean growth of the norm at the tokens that choose
  std::vector<double> layer_accuracy;  // share of right answers when every token exits after that layer
};

// LAC's exit mode on held-out samples, with the right answer's tokens fed: an answer counts if each of its
// tokens, the stop token too, would have been chosen.
ExitReport measure_exits(const CausalLm& model, const std::vector<TrainingSample>& samples,
                         const std::vector<double>& alphas);

// As a small table for people; `kinds` names the columns.
std::string format_report(const ExitReport& report, const std::vector<std::string>& kinds);

}  // namespace lacuna
