// Attention of one new token for each of many branches; branches of a prompt share its keys and values.
#pragma once

#include <vector>

#include "worker/nn/attention_backend.h"
#include "worker/nn/sequence_cache.h"

namespace lacuna {

// Branches of one prompt: rows first_row, first_row + 1, ... of the pass, in the slots given.
struct BranchSpan {
  std::int64_t first_row = 0;
  std::vector<std::int64_t> slots;
  SequenceCache* cache = nullptr;  // outlives the backend
};

class DecodeAttention : public AttentionBackend {
 public:
  // The spans cover the rows of the pass without gaps. Writes each row's keys and values at its cache's next
  // response position; the caller advances the caches after the pass.
  explicit DecodeAttention(std::vector<BranchSpan> spans, AttentionPath path = AttentionPath::kFastest)
      : spans_(std::move(spans)), path_(path) {}

  at::Tensor attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    std::int64_t window) override;

 private:
  // q, output [rows, heads, head_dim], contiguous; the keys and values of these rows are in the caches.
  void attend_with_kernels(LayerIndex layer, const at::Tensor& q, std::int64_t kv_heads, std::int64_t window,
                           const at::Tensor& output) const;
  void attend_with_operators(LayerIndex layer, const at::Tensor& q, std::int64_t window,
                             const at::Tensor& output) const;
  // The slots of all rows where the caches lie [rows], made at the first layer and kept: a transfer for each
  // layer and span would take longer than its products. Undefined where kernels compute.
  void index_slots(const at::Device& device);
  [[nodiscard]] at::Tensor slots_of(const BranchSpan& span) const;

  std::vector<BranchSpan> spans_;
  AttentionPath path_;
  at::Tensor slot_index_;
};

}  // namespace lacuna
