// The sequences that a batch of prompts is worked on as, and the caches that they need.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "worker/engine/branch_set.h"
#include "worker/engine/generator_options.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

// A prompt's work before it begins.
struct SequencePlan {
  const GeneratorPrompt* prompt = nullptr;
  std::size_t question = 0;
  std::int64_t first_branch = 0;  // position of its first branch in GeneratorOptions::branches
  std::vector<BranchSpec> branches;
};
// A prompt on its way: the shared stream has one for each question, propagate one for each question and
// threshold.
struct Sequence {
  const GeneratorPrompt* prompt = nullptr;
  std::size_t question = 0;
  std::optional<AlphaIndex> alpha;
  std::int64_t first_branch = 0;  // position of its first branch in GeneratorOptions::branches
  BranchSet branches;
  TraceRows pp;
  double prefill_seconds = 0;
  std::vector<SpecScores> scores = {};
};

// Throws InputError for a token outside of the vocabulary, or a prompt that leaves nothing to predict from.
std::vector<SequencePlan> plan_sequences(std::span<const GeneratorPrompt> prompts,
                                         const GeneratorOptions& options, std::int64_t vocabulary);

// Bytes of the caches of these sequences when all their branches have parted and come to an end.
std::int64_t count_cache_bytes(std::span<const SequencePlan> plans, const GeneratorOptions& options,
                               const CausalLm& model);

// The sequences before their prompt passes, with empty caches: in one CachePool where attention is computed
// by LibTorch's operators.
std::vector<Sequence> begin_sequences(std::span<const SequencePlan> plans, const GeneratorOptions& options,
                                      const CausalLm& model);

}  // namespace lacuna
