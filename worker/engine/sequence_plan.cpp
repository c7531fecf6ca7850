#include "worker/engine/sequence_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
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

// Room for each token of a batch of prompts that their pool may have: it is as long as the longest.
constexpr std::int64_t kMostPoolPadding = 4;

// Of the pool that sequences with answers share; others' caches live for one pass. Nothing where our kernels
// compute attention, or if the pool would be much larger than its sequences' own caches.
std::optional<CachePoolShape> shape_pool(std::span<const SequencePlan> plans, const GeneratorOptions& options,
                                         const CausalLm& model) {
  if (options.attention != AttentionPath::kOperators && model.device().is_cpu()) return std::nullopt;
  const Architecture& architecture = model.architecture;
  CachePoolShape shape{.layers = architecture.layers,
                       .kv_heads = architecture.kv_heads,
                       .head_dim = architecture.head_dim,
                       .capacity = {.prompt = 0, .response = options.max_new_tokens}};
  std::int64_t prompt_tokens = 0;
  for (const SequencePlan& plan : plans) {
    if (!plan.prompt->wants_answers) continue;
    ++shape.sequences;
    shape.slots = std::max(shape.slots, static_cast<std::int64_t>(plan.branches.size()));
    const auto tokens = static_cast<std::int64_t>(plan.prompt->token_ids.size());
    shape.capacity.prompt = std::max(shape.capacity.prompt, tokens);
    prompt_tokens += tokens;
  }
  // None of both if nobody wants an answer.
  if (prompt_tokens == 0 || shape.sequences * shape.capacity.prompt > kMostPoolPadding * prompt_tokens) {
    return std::nullopt;
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
  const std::optional<CachePoolShape> pool = shape_pool(plans, options, model);
  std::int64_t tokens = 0;
  if (pool) tokens += pool->sequences * (pool->capacity.prompt + pool->slots * pool->capacity.response);
  for (const SequencePlan& plan : plans) {
    if (pool && plan.prompt->wants_answers) continue;
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
  if (const auto pool_shape = shape_pool(plans, options, model)) {
    pool = std::make_shared<CachePool>(*pool_shape,
                                       at::TensorOptions().device(model.device()).dtype(model.dtype()));
  }
  std::vector<Sequence> sequences;
  std::int64_t pooled = 0;
  for (const SequencePlan& plan : plans) {
    const CacheCapacity capacity{.prompt = static_cast<std::int64_t>(plan.prompt->token_ids.size()),
                                 .response = options.max_new_tokens};
    const bool is_pooled = pool && plan.prompt->wants_answers;
    SequenceCache cache = is_pooled ? SequenceCache(pool, architecture.layers, pooled++)
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
