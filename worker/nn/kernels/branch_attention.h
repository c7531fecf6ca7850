// Attention of the newest token of some branches of one prompt, for one kv head, on the CPU.
#pragma once

#include <cstdint>
#include <span>

#include "worker/nn/kernels/bfloat16.h"

namespace lacuna {

// What the branches see. Behind the prompt's last key and value lie zeros up to a multiple of 32 positions.
template <class T>
struct BranchContext {
  const T* prompt_keys = nullptr;    // [prompt_count, head_dim]
  const T* prompt_values = nullptr;  // [head_dim, prompt_count], rows value_stride apart
  std::int64_t value_stride = 0;
  std::int64_t prompt_count = 0;
  const T* response_keys = nullptr;    // of slot 0: [response_count, head_dim]
  const T* response_values = nullptr;  // likewise
  std::int64_t slot_stride = 0;        // from slot to slot
  std::int64_t response_count = 0;     // at least 1: the newest token itself
  std::int64_t head_dim = 0;
};

// The branch in slot slots[i] has `group` query heads at q + i * stride, [group, head_dim], and its result
// goes to output + i * stride. Scores are scaled by 1 / sqrt(head_dim), softmax in float32; rounded to T
// where the chain scores, weights, result is. T is float or BFloat16.
template <class T>
void attend_branches(const BranchContext<T>& context, std::span<const std::int64_t> slots, std::int64_t group,
                     const T* q, std::int64_t stride, T* output);

}  // namespace lacuna
