// Attention of one new token for each of many branches; branches of a prompt share its keys and values.
#pragma once

#include <optional>
#include <vector>

#include "worker/nn/attention_backend.h"
#include "worker/nn/branch_span.h"
#include "worker/nn/pooled_attention.h"

namespace lacuna {

class DecodeAttention : public AttentionBackend {
 public:
  // The spans (one at least) cover the rows of the pass without gaps; caches of a pool are served together,
  // others one after another. Writes each row's keys and values at its cache's next
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
  std::optional<PooledDecode> pooled_;
  bool is_planned_ = false;
};

}  // namespace lacuna
