// Attention of prompts, or of chunks of them, packed one after the other; fills their caches.
#pragma once

#include <optional>
#include <vector>

#include "worker/nn/attention_backend.h"
#include "worker/nn/pooled_attention.h"
#include "worker/nn/prompt_span.h"

namespace lacuna {

class PrefillAttention : public AttentionBackend {
 public:
  // The spans (one at least) cover the tokens of the pass without gaps. Whole prompts whose caches lie in a
  // pool are served together.
  explicit PrefillAttention(std::vector<PromptSpan> prompts, AttentionPath path = AttentionPath::kFastest);

  at::Tensor attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    std::int64_t window) override;

 private:
  // Some consecutive queries of one prompt: what one thread works on at a time, for one kv head; with
  // LibTorch's operators what one product does, for all heads.
  struct QueryBlock {
    std::size_t prompt = 0;
    std::int64_t first_query = 0;  // position in the prompt
    std::int64_t queries = 0;
    std::int64_t first_key = 0;
    std::int64_t keys = 0;
    at::Tensor mask;  // [queries, keys], where operators need one
  };
  // Cuts the prompts into blocks and makes the masks for q; kept until the window changes.
  void lay_out_blocks(const at::Tensor& q, std::int64_t window);
  [[nodiscard]] bool uses_kernels(const at::Tensor& q) const;
  // q, output [tokens, heads, head_dim]; the keys and values of these tokens are in the caches.
  void attend_with_kernels(LayerIndex layer, const at::Tensor& q, std::int64_t kv_heads, std::int64_t window,
                           const at::Tensor& output) const;
  // One kv head of a block.
  void attend_block_fused(LayerIndex layer, const QueryBlock& block, std::int64_t kv_head,
                          const at::Tensor& q, std::int64_t group, std::int64_t window,
                          const at::Tensor& output) const;
  void attend_with_operators(LayerIndex layer, const at::Tensor& q, const at::Tensor& output) const;
  // The block's rows of q or the output: [heads, queries, head_dim].
  [[nodiscard]] at::Tensor take_queries(const QueryBlock& block, const at::Tensor& tensor) const;

  std::vector<PromptSpan> prompts_;
  AttentionPath path_;
  std::vector<QueryBlock> blocks_;
  std::int64_t blocks_window_ = -1;
  std::optional<PooledPrefill> pooled_;
  bool is_planned_ = false;
};

}  // namespace lacuna
