// Log-likelihoods of given continuations of a prompt under LAC: every threshold from the prompt pass that the
// answers are generated from, continuations that share passes for as long as their tokens agree.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "worker/engine/branch_set.h"
#include "worker/engine/continuation_encoding.h"
#include "worker/engine/model_pass.h"

namespace lacuna {

// A continuation under one mode and threshold.
struct ScoredContinuation {
  std::int64_t tokens = 0;
  double log_likelihood = 0;  // sum in float64 of the float32 log_softmax of the logits before each token
  bool is_greedy = true;      // every token has the largest logit, the lowest id among equals

  void add(double log_probability, bool has_largest_logit);
};

struct SpecScores {
  BranchSpec spec;
  std::vector<ScoredContinuation> continuations;  // in the order of PromptContinuations::tokens
};

// A prompt that went through the model, and what is to be scored after it.
struct ScoringTask {
  std::span<const TokenId> prompt;
  const PromptContinuations* continuations = nullptr;  // not empty
  std::vector<BranchSpec> specs;                       // what reads the states: modes and thresholds
  std::optional<AlphaIndex> alpha;                     // of the prompt's stream; propagate only
  const SequenceCache* cache = nullptr;                // holds the prompt
  // The kept rows of the prompt pass that hold the last scored_prompt_tokens + 1 tokens begin here.
  std::int64_t first_row = 0;
  std::int64_t first_token = 0;  // the first one's token in the pass
};

// `prompt_recorder`: of the pass that held the tasks' prompts. The continuations of all tasks are fed packed,
// depth by depth; a token is only fed if another one follows it. -> for each task one entry a spec.
std::vector<std::vector<SpecScores>> score_continuations(const CausalLm& model, const PassSettings& settings,
                                                         const StreamRecorder& prompt_recorder,
                                                         std::span<const ScoringTask> tasks);

}  // namespace lacuna
