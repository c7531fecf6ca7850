// Attention of prompts, or of chunks of them, packed one after the other; fills their caches.
#pragma once

#include <vector>

#include "worker/nn/attention_backend.h"
#include "worker/nn/sequence_cache.h"

namespace lacuna {

struct PromptSpan {
  std::int64_t first_token = 0;  // in the pass
  std::int64_t tokens = 0;
  SequenceCache* cache = nullptr;  // outlives the backend
  std::int64_t position = 0;       // of the first token in its prompt; what precedes it is in the cache
};

class PrefillAttention : public AttentionBackend {
 public:
  // The spans cover the tokens of the pass without gaps.
  explicit PrefillAttention(std::vector<PromptSpan> prompts);

  at::Tensor attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    std::int64_t window) override;

 private:
  // Some consecutive queries of one prompt: what one thread works on at a time, for one kv head.
  struct QueryBlock {
    std::size_t prompt = 0;
    std::int64_t first_query = 0;  // position in the prompt
    std::int64_t queries = 0;
    std::int64_t first_key = 0;
    std::int64_t keys = 0;
    at::Tensor mask;  // [queries, keys]; not on the CPU
  };
  // Cuts the prompts into blocks and makes their masks; kept until the window changes.
  void lay_out_blocks(std::int64_t window, const at::Device& device);
  // One block for one kv head. q [group, queries, head_dim] -> the same shape.
  [[nodiscard]] at::Tensor attend_block(const QueryBlock& block, LayerIndex layer, std::int64_t kv_head,
                                        const at::Tensor& q, std::int64_t window) const;

  std::vector<PromptSpan> prompts_;
  std::vector<QueryBlock> blocks_;
  std::int64_t blocks_window_ = -1;
};

}  // namespace lacuna
