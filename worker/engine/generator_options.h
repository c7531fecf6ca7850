// What a Generator is asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "core/experiment_config.h"
#include "core/keep_alive.h"
#include "core/work_unit.h"
#include "worker/engine/branch_set.h"
#include "worker/engine/continuation_scorer.h"
#include "worker/engine/memory_budget.h"
#include "worker/nn/attention_backend.h"

namespace lacuna {

struct GeneratorOptions {
  StreamKind stream = StreamKind::kShared;
  // Answers and scores a question gets. Shared stream: trace and exit; propagate: one for each threshold.
  std::vector<BranchSpec> branches;
  std::vector<double> alphas;
  NormPrecision norm_precision = NormPrecision::kModel;
  std::int64_t max_new_tokens = 50;  // response tokens a branch, >= 1
  std::vector<TokenId> stop_tokens;  // empty: never stop early
  bool keep_logits = false;          // fill Branch::logits and Branch::final_states
  std::int64_t batch_tokens = 4096;  // prompt tokens a pass; a longer prompt goes alone, in chunks of so many
  KeepAlive keep_alive = {};         // called at every layer of every pass
  // Where attention is computed by LibTorch's operators, be it asked for or that there are no others, the
  // sequences of a batch share a CachePool.
  AttentionPath attention = AttentionPath::kFastest;
  MemoryBudget* memory = nullptr;  // if given, outlives the generator
};

struct GeneratorPrompt {
  QuestionId question;
  std::vector<TokenId> token_ids;          // at least one, all below the model's vocabulary size
  bool wants_answers = true;               // false: nothing is generated
  PromptContinuations continuations = {};  // empty: nothing is scored
};

}  // namespace lacuna
