#include "worker/engine/sequence_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "core/error.h"

namespace lacuna {
namespace {

void check_tokens(std::span<const TokenId> tokens, std::string_view what, const QuestionId& question,
                  std::int64_t vocabulary) {
  for (const TokenId token : tokens) {
    if (token.value() >= 0 && token.value() < vocabulary) continue;
    throw InputError({.problem = fmt::format("token {} in {} of question '{}'", token, what, question),
                      .why = fmt::format("the model's vocabulary has {} entries", vocabulary),
                      .suggestion = "check that tokenizer.json belongs to this checkpoint"});
  }
}

void check_prompt(const GeneratorPrompt& prompt, std::int64_t vocabulary) {
  if (prompt.token_ids.empty()) {
    throw InputError({.problem = fmt::format("the prompt of question '{}' is empty", prompt.question)});
  }
  if (static_cast<std::int64_t>(prompt.token_ids.size()) <= prompt.continuations.scored_prompt_tokens) {
    throw InputError(
        {.problem = fmt::format("the prompt of question '{}' has no token before those that are scored",
                                prompt.question),
         .why = "a token's probability is read at the token before it, and all of the prompt is part of the "
                "continuations"});
  }
  check_tokens(prompt.token_ids, "the prompt", prompt.question, vocabulary);
  for (const std::vector<TokenId>& tokens : prompt.continuations.tokens) {
    check_tokens(tokens, "a continuation", prompt.question, vocabulary);
  }
}

bool pools_caches(const GeneratorOptions& options, const CausalLm& model) {
  return options.attention == AttentionPath::kOperators || !model.device().is_cpu();
}

// Of the pool that these sequences share.
CachePoolShape shape_pool(std::span<const SequencePlan> plans, const GeneratorOptions& options,
                          const Architecture& architecture) {
  CachePoolShape shape{.layers = architecture.layers,
                       .sequences = static_cast<std::int64_t>(plans.size()),
                       .kv_heads = architecture.kv_heads,
                       .head_dim = architecture.head_dim,
                       .capacity = {}};
  for (const SequencePlan& plan : plans) {
    const auto tokens = static_cast<std::int64_t>(plan.prompt->token_ids.size());
    shape.capacity.prompt = std::max(shape.capacity.prompt, tokens);
    if (!plan.prompt->wants_answers) continue;
    shape.slots = std::max(shape.slots, static_cast<std::int64_t>(plan.branches.size()));
    shape.capacity.response = options.max_new_tokens;
  }
  return shape;
}

}  // namespace

std::vector<SequencePlan> plan_sequences(std::span<const GeneratorPrompt> prompts,
                                         const GeneratorOptions& options, std::int64_t vocabulary) {
  std::vector<SequencePlan> plans;
  for (std::size_t question = 0; question < prompts.size(); ++question) {
    const GeneratorPrompt& prompt = prompts[question];
    check_prompt(prompt, vocabulary);
    if (options.stream == StreamKind::kShared) {
      plans.push_back({&prompt, question, 0, options.branches});
      continue;
    }
    for (std::size_t branch = 0; branch < options.branches.size(); ++branch) {
      plans.push_back({&prompt, question, static_cast<std::int64_t>(branch), {options.branches[branch]}});
    }
  }
  return plans;
}

std::int64_t count_cache_bytes(std::span<const SequencePlan> plans, const GeneratorOptions& options,
                               const CausalLm& model) {
  const Architecture& shape = model.architecture;
  const std::int64_t token_bytes = 2 * shape.layers * shape.kv_heads * shape.head_dim *
                                   static_cast<std::int64_t>(c10::elementSize(model.dtype()));
  if (pools_caches(options, model)) {
    const CachePoolShape pool = shape_pool(plans, options, shape);
    return pool.sequences * (pool.capacity.prompt + pool.slots * pool.capacity.response) * token_bytes;
  }
  std::int64_t tokens = 0;
  for (const SequencePlan& plan : plans) {
    tokens += static_cast<std::int64_t>(plan.prompt->token_ids.size());
    // Slots are made by doubling.
    tokens += 2 * static_cast<std::int64_t>(plan.branches.size()) * options.max_new_tokens;
  }
  return tokens * token_bytes;
}

std::vector<Sequence> begin_sequences(std::span<const SequencePlan> plans, const GeneratorOptions& options,
                                      const CausalLm& model) {
  const Architecture& architecture = model.architecture;
  std::shared_ptr<const CachePool> pool;
  if (pools_caches(options, model)) {
    pool = std::make_shared<CachePool>(shape_pool(plans, options, architecture),
                                       at::TensorOptions().device(model.device()).dtype(model.dtype()));
  }
  std::vector<Sequence> sequences;
  for (const SequencePlan& plan : plans) {
    const CacheCapacity capacity{.prompt = static_cast<std::int64_t>(plan.prompt->token_ids.size()),
                                 .response = options.max_new_tokens};
    SequenceCache cache =
        pool ? SequenceCache(pool, architecture.layers, static_cast<std::int64_t>(sequences.size()))
             : SequenceCache(architecture.layers, capacity);
    sequences.push_back(
        {.prompt = plan.prompt,
         .question = plan.question,
         .alpha = options.stream == StreamKind::kPropagate ? plan.branches.front().alpha : std::nullopt,
         .first_branch = plan.first_branch,
         .branches = BranchSet(plan.branches, std::move(cache)),
         .pp = {}});
    if (!plan.prompt->wants_answers) sequences.back().branches.finish();
  }
  return sequences;
}

}  // namespace lacuna
