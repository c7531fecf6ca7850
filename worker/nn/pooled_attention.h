// Attention of many sequences in a few calls of LibTorch's operators, or in one of our kernel for a GPU
// (cuda_kernels.h), whatever their number: for devices on which a call costs more than its work. The
// sequences' keys and values lie in one CachePool.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <span>

#include "core/ids.h"
#include "worker/nn/branch_span.h"
#include "worker/nn/cache_pool.h"
#include "worker/nn/prompt_span.h"

namespace lacuna {

// One new token for each of many branches.
class PooledDecode {
 public:
  // The plan for a pass of these spans, which outlive it, with queries as q [rows, heads, head_dim]; nothing
  // if they do not lie in one pool, are not equally far in their responses, or if the scores would take too
  // much memory where operators write them (all slots in use of all sequences have some).
  static std::optional<PooledDecode> plan(std::span<const BranchSpan> spans, const at::Tensor& q);

  // As AttentionBackend::attend: writes the rows' keys and values at the next response position and attends.
  at::Tensor attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    std::int64_t window);

 private:
  PooledDecode() = default;
  // Added to the scores of the pool's sequences, [1, sequences, 1, 1, prompt positions + response positions]:
  // 0 where the newest token sees, else -infinity. Made anew when the window changes.
  const at::Tensor& mask_for(std::int64_t window);

  const CachePool* pool_ = nullptr;
  std::int64_t used_slots_ = 0;       // slots 0 ... used_slots_ - 1 hold all rows
  std::int64_t longest_prompt_ = 0;   // tokens
  std::int64_t response_length_ = 0;  // of every sequence, without the new token
  at::Tensor cells_;                  // int64 [rows]: slot * sequences + sequence
  at::Tensor prompt_lengths_;         // int64 [sequences], 0 where a sequence takes no part
  at::Tensor mask_;
  std::int64_t mask_window_ = -1;
};

// Whole prompts, padded to the longest.
class PooledPrefill {
 public:
  // The plan for a pass of these spans, which outlive it and cover its tokens in order. Nothing if one of
  // them does not begin its prompt, if they do not lie in one pool, if padding would multiply the work, or if
  // the scores of q [tokens, heads, head_dim] would take too much memory.
  static std::optional<PooledPrefill> plan(std::span<const PromptSpan> prompts, const at::Tensor& q);

  // Whether such a window (0: none) hides nothing from anybody.
  [[nodiscard]] bool sees_all(std::int64_t window) const { return window <= 0 || window >= longest_; }

  // As AttentionBackend::attend, where the window hides nothing.
  [[nodiscard]] at::Tensor attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v) const;

 private:
  PooledPrefill() = default;
  // rows [tokens, heads, head_dim] -> [prompts, heads, longest prompt, head_dim], zeros behind each prompt.
  [[nodiscard]] at::Tensor pad(const at::Tensor& rows) const;

  const CachePool* pool_ = nullptr;
  std::span<const PromptSpan> prompts_;
  std::int64_t longest_ = 0;  // tokens
  at::Tensor places_;         // int64 [tokens]: prompt * longest + position
  at::Tensor sequences_;      // int64 [prompts]: their numbers in the pool
  at::Tensor mask_;           // causal [longest, longest]; undefined where fused attention knows causality
};

}  // namespace lacuna
