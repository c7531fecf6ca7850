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
  explicit DecodeAttention(std::vector<BranchSpan> spans) : spans_(std::move(spans)) {}

  at::Tensor attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    std::int64_t window) override;

 private:
  std::vector<BranchSpan> spans_;
};

}  // namespace lacuna
