// From the log-likelihoods of a question's choices to the one that is taken, as lm-evaluation-harness does
// it.
#pragma once

#include <string>

#include "core/records.h"

namespace lacuna {

// Fills `choice` and `correct` from record.continuations (at least one): the largest log-likelihood wins, the
// first among equals. `with_normalized`: also the normalized pair, by log-likelihood / characters (acc_norm).
void choose_by_log_likelihood(ScoreRecord& record, const std::string& gold, bool with_normalized);

}  // namespace lacuna
