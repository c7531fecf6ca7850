#include "worker/nn/pooled_attention.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "worker/nn/compute_device.h"
#include "worker/nn/cuda_kernels.h"
#include "worker/nn/operator_attention.h"
#include "worker/nn/weigh_values.h"

namespace lacuna {
namespace {

// Padded tokens for each real one that a batch of prompts may have: attention is a small part of a prompt
// pass.
constexpr std::int64_t kMostPadding = 4;
// Of scores in float32 that are not fused away: of a prompt pass, and of a decode step, where sequence after
// sequence takes far longer.
constexpr std::int64_t kMostScoreBytes = std::int64_t{64} << 20;
constexpr std::int64_t kMostDecodeScoreBytes = std::int64_t{512} << 20;

}  // namespace

std::optional<PooledDecode> PooledDecode::plan(std::span<const BranchSpan> spans, const at::Tensor& q) {
  PooledDecode decode;
  decode.pool_ = spans.front().cache->pool();
  decode.response_length_ = spans.front().cache->response_length();
  if (decode.pool_ == nullptr) return std::nullopt;
  const std::int64_t sequences = decode.pool_->sequences();
  std::vector<std::int64_t> cells;
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(sequences), 0);
  for (const BranchSpan& span : spans) {
    const SequenceCache& cache = *span.cache;
    if (cache.pool() != decode.pool_ || cache.response_length() != decode.response_length_)
      return std::nullopt;
    lengths[static_cast<std::size_t>(cache.pool_index())] = cache.prompt_length();
    decode.longest_prompt_ = std::max(decode.longest_prompt_, cache.prompt_length());
    for (const std::int64_t slot : span.slots) {
      decode.used_slots_ = std::max(decode.used_slots_, slot + 1);
      cells.push_back(slot * sequences + cache.pool_index());
    }
  }
  const std::int64_t keys = decode.longest_prompt_ + decode.response_length_ + 1;
  const std::int64_t scores = decode.used_slots_ * sequences * q.size(1) * keys;
  const bool writes_scores = !attends_pool_on_gpu(*decode.pool_, q);
  if (writes_scores && scores * std::int64_t{sizeof(float)} > kMostDecodeScoreBytes) return std::nullopt;
  decode.cells_ = to_device(cells, q.device());
  decode.prompt_lengths_ = to_device(lengths, q.device());
  return decode;
}

const at::Tensor& PooledDecode::mask_for(std::int64_t window) {
  if (window == mask_window_) return mask_;
  const auto indices = prompt_lengths_.options();
  const at::Tensor lengths = prompt_lengths_.unsqueeze(1);  // [sequences, 1]
  const at::Tensor prompt = at::arange(longest_prompt_, indices).unsqueeze(0);
  at::Tensor prompt_hidden = prompt >= lengths;
  at::Tensor response_hidden =
      at::zeros({1, response_length_ + 1}, indices.dtype(at::kBool)).expand({lengths.size(0), -1});
  if (window > 0) {
    // Positions of the newest token's sequence that are too far back.
    prompt_hidden = at::logical_or(prompt_hidden, prompt < lengths + (response_length_ + 1 - window));
    response_hidden = (at::arange(response_length_ + 1, indices) < response_length_ + 1 - window)
                          .expand_as(response_hidden);
  }
  const at::Tensor hidden = at::cat({prompt_hidden, response_hidden}, 1);
  mask_ = at::zeros(hidden.sizes(), hidden.options().dtype(at::kFloat))
              .masked_fill(hidden, -std::numeric_limits<double>::infinity())
              .view({1, hidden.size(0), 1, 1, hidden.size(1)});
  mask_window_ = window;
  return mask_;
}

at::Tensor PooledDecode::attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v, std::int64_t window) {
  const PooledStep step{.pool = *pool_,
                        .cells = cells_,
                        .prompt_lengths = prompt_lengths_,
                        .response_length = response_length_};
  if (auto output = attend_pool_on_gpu(step, layer, q, k, v, window)) return *output;
  const std::int64_t sequences = pool_->sequences();
  const std::int64_t heads = q.size(1);
  const std::int64_t kv_heads = k.size(1);
  const std::int64_t head_dim = q.size(2);
  const at::Tensor response_keys = pool_->response_keys(layer).narrow(0, 0, used_slots_);
  const at::Tensor response_values = pool_->response_values(layer).narrow(0, 0, used_slots_);
  const auto write = [&](const at::Tensor& cache, const at::Tensor& rows) {
    cache.flatten(0, 1).select(2, response_length_).index_copy_(0, cells_, rows);
  };
  write(response_keys, k);
  write(response_values, v);
  const at::Tensor cell_q = at::zeros({used_slots_ * sequences, heads, head_dim}, q.options())
                                .index_copy_(0, cells_, q)
                                .view({used_slots_, sequences, kv_heads, heads / kv_heads, head_dim});
  const auto so_far = [&](const at::Tensor& prompts, const at::Tensor& responses) {
    return BranchKeys{prompts.narrow(2, 0, longest_prompt_), responses.narrow(3, 0, response_length_ + 1)};
  };
  return attend_branches_of(cell_q, so_far(pool_->prompt_keys(layer), response_keys),
                            so_far(pool_->prompt_values(layer), response_values), mask_for(window))
      .reshape({used_slots_ * sequences, heads * head_dim})
      .index_select(0, cells_);
}

std::optional<PooledPrefill> PooledPrefill::plan(std::span<const PromptSpan> prompts, const at::Tensor& q) {
  PooledPrefill prefill;
  prefill.pool_ = prompts.front().cache->pool();
  prefill.prompts_ = prompts;
  if (prefill.pool_ == nullptr) return std::nullopt;
  for (const PromptSpan& prompt : prompts) {
    if (prompt.position > 0 || prompt.cache->pool() != prefill.pool_) return std::nullopt;
    prefill.longest_ = std::max(prefill.longest_, prompt.tokens);
  }
  const std::int64_t padded = static_cast<std::int64_t>(prompts.size()) * prefill.longest_;
  if (padded > kMostPadding * q.size(0)) return std::nullopt;
  const std::int64_t score_bytes = padded * prefill.longest_ * q.size(1) * std::int64_t{sizeof(float)};
  if (!prefers_fused(q) && score_bytes > kMostScoreBytes) return std::nullopt;

  std::vector<std::int64_t> places;
  std::vector<std::int64_t> sequences;
  for (const PromptSpan& prompt : prompts) {
    const std::int64_t first = static_cast<std::int64_t>(sequences.size()) * prefill.longest_;
    for (std::int64_t position = 0; position < prompt.tokens; ++position) places.push_back(first + position);
    sequences.push_back(prompt.cache->pool_index());
  }
  prefill.places_ = to_device(places, q.device());
  prefill.sequences_ = to_device(sequences, q.device());
  if (!prefers_fused(q)) {
    prefill.mask_ = make_causal_mask(0, prefill.longest_, 0, prefill.longest_, /*window=*/0, q.device());
  }
  return prefill;
}

at::Tensor PooledPrefill::pad(const at::Tensor& rows) const {
  const auto prompts = static_cast<std::int64_t>(prompts_.size());
  return at::zeros({prompts * longest_, rows.size(1), rows.size(2)}, rows.options())
      .index_copy_(0, places_, rows)
      .view({prompts, longest_, rows.size(1), rows.size(2)})
      .transpose(1, 2);
}

at::Tensor PooledPrefill::attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& v) const {
  for (const PromptSpan& prompt : prompts_) prompt.cache->set_prompt_length(prompt.tokens);
  const at::Tensor padded_k = pad(k);
  const at::Tensor padded_v = pad(v);
  pool_->prompt_keys(layer).narrow(2, 0, longest_).index_copy_(0, sequences_, padded_k);
  pool_->prompt_values(layer).narrow(2, 0, longest_).index_copy_(0, sequences_, padded_v);
  return attend_prompts(pad(q), padded_k, padded_v, mask_)
      .transpose(1, 2)
      .flatten(0, 1)
      .flatten(1)
      .index_select(0, places_);
}

}  // namespace lacuna
