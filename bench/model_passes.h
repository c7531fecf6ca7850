// Single passes of a model as the engine does them, with and without LAC, to be timed.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "worker/models/causal_lm.h"
#include "worker/nn/sequence_cache.h"

namespace lacuna {

// Packed prompts of random tokens, on the model's device.
struct PromptBatch {
  std::vector<std::int64_t> lengths;
  at::Tensor token_ids;    // [tokens]
  at::Tensor positions;    // [tokens]
  at::Tensor last_tokens;  // [prompts], indices into the tokens
};
PromptBatch make_prompt_batch(const CausalLm& model, std::vector<std::int64_t> lengths);

// One prompt pass that fills caches of its own -> logits of each prompt's last token [prompts, vocabulary].
// Plain: nobody watches. Recorded: as for a shared unit (trace, exit), with decisions for all of `alphas`.
at::Tensor run_prompts_plain(const CausalLm& model, const PromptBatch& batch);
at::Tensor run_prompts_recorded(const CausalLm& model, const PromptBatch& batch,
                                const std::vector<double>& alphas);

// Greedy decoding of `rows` sequences, each with a cache of its own that holds `context` random keys and
// values.
class DecodeLoop {
 public:
  // Room for `capacity` steps. `model` outlives the loop.
  DecodeLoop(const CausalLm& model, std::int64_t rows, std::int64_t context, std::int64_t capacity);

  // Feeds every sequence its last token and chooses the next one, on the host as the engine does.
  void step_plain();
  void step_recorded(const std::vector<double>& alphas);

 private:
  // `run`: the pass over these tokens and positions -> states [rows, hidden] of the stream.
  void step(const std::function<at::Tensor(const at::Tensor&, const at::Tensor&, AttentionBackend&)>& run);

  const CausalLm& model_;
  std::int64_t context_;
  std::int64_t steps_ = 0;
  std::vector<SequenceCache> caches_;
  at::Tensor tokens_;  // [rows] on the CPU
};

// The arithmetic and traffic of such passes, from the shape alone. A multiply-add is two operations.
// Weights' and attention's products; logits for each prompt's last token only; a token sees what came before
// it.
double count_prompt_flops(const Architecture& shape, std::span<const std::int64_t> lengths);
// One decode step.
struct DecodeLoad {
  std::int64_t rows = 0;
  std::int64_t cached_tokens = 0;  // whose keys and values are read; a prompt that rows share counts once
  std::int64_t seen_tokens = 0;    // of every row, added up
};
double count_decode_flops(const Architecture& shape, const DecodeLoad& load);
// Keys and values that the step reads.
double count_cache_bytes(const Architecture& shape, const DecodeLoad& load, std::int64_t element_bytes);

}  // namespace lacuna
