// Attention of some consecutive tokens of a prompt, for one kv head, with AMX. Scores never leave the cache:
// of 32 queries against all keys they are computed keys first, so that the softmax runs down their columns
// and what it gives is, as it lies, the second factor of the product with the values.
#pragma once

#include <cstdint>

#include "worker/nn/kernels/bfloat16.h"
#include "worker/nn/kernels/processor.h"

namespace lacuna {

struct PromptAttentionTask {
  const BFloat16* q = nullptr;    // of the first token and the kv head's first query head: [group, head_dim]
  BFloat16* output = nullptr;     // likewise
  std::int64_t token_stride = 0;  // of both, elements from token to token
  std::int64_t tokens = 0;
  std::int64_t group = 0;           // query heads
  std::int64_t head_dim = 0;        // a multiple of 32
  std::int64_t first_position = 0;  // of the first token
  std::int64_t window = 0;          // keys that a token sees, itself included; 0: all before it
  // Of position 0: [positions, head_dim] and, rows value_stride apart, [head_dim, positions]. Behind the last
  // token's are finite values up to a multiple of 32 positions.
  const BFloat16* keys = nullptr;
  const BFloat16* values = nullptr;
  std::int64_t value_stride = 0;
  float scale = 0;  // of scores
};

bool supports_prompt_attention(ProductKernel kernel, std::int64_t head_dim);

// Scores rounded, scaled, rounded; softmax in float32; weights rounded; their sum of values rounded.
void attend_prompt(const PromptAttentionTask& task);

}  // namespace lacuna
