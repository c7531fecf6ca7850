#include "worker/nn/prefill_attention.h"

#include <algorithm>

#include "worker/nn/compute_threads.h"
#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/bfloat16_product.h"
#include "worker/nn/kernels/prompt_attention.h"
#include "worker/nn/linear.h"
#include "worker/nn/operator_attention.h"
#include "worker/nn/weigh_values.h"

namespace lacuna {
namespace {

// Bounds the score matrix of long prompts and skips keys that no query of the block may see.
constexpr std::int64_t kBlockQueries = 128;
// Where scores are never in memory, there only has to be enough for every thread.
constexpr std::int64_t kFusedBlockQueries = 64;

bool fuses_attention(const at::Tensor& q) {
  return q.scalar_type() == at::kBFloat16 && q.is_contiguous() &&
         supports_prompt_attention(best_product_kernel(), q.size(2));
}

// Attention of one block by our kernels. q [group, queries, head_dim]; keys [padded keys, head_dim] and
// values [padded keys, head_dim] from the block's first key on.
at::Tensor attend_head_with_kernels(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                                    std::int64_t first_visible, std::int64_t window) {
  const std::int64_t queries = q.size(1);
  const std::int64_t head_dim = q.size(2);
  const at::Tensor rows = q.reshape({-1, head_dim});
  const at::Tensor scores = at::empty({rows.size(0), keys.size(0)}, q.options());
  multiply_into(scores, rows, keys);
  softmax_causal_rows(scores, queries, first_visible, window, head_dim);
  const at::Tensor output = at::empty_like(rows);
  multiply_into(output, scores, values.transpose(0, 1));
  return output.view(q.sizes());
}

}  // namespace

PrefillAttention::PrefillAttention(std::vector<PromptSpan> prompts, AttentionPath path)
    : prompts_(std::move(prompts)), path_(path) {}

bool PrefillAttention::uses_kernels(const at::Tensor& q) const {
  return path_ == AttentionPath::kFastest && q.device().is_cpu() && prompts_.front().cache->pool() == nullptr;
}

void PrefillAttention::lay_out_blocks(const at::Tensor& q, std::int64_t window) {
  if (window == blocks_window_) return;
  blocks_.clear();
  for (std::size_t prompt = 0; prompt < prompts_.size(); ++prompt) {
    const std::int64_t begin = prompts_[prompt].position;
    const std::int64_t end = begin + prompts_[prompt].tokens;
    // Fused attention knows causality by itself, but neither a window nor queries that start behind the first
    // key: it would align them with the keys' beginning.
    const bool plainly_causal = begin == 0 && (window <= 0 || window >= end);
    const bool whole = !uses_kernels(q) && prefers_fused(q) && plainly_causal;
    const std::int64_t most = uses_kernels(q) && fuses_attention(q) ? kFusedBlockQueries : kBlockQueries;
    const std::int64_t step = whole ? prompts_[prompt].tokens : most;
    const std::int64_t count = (end - begin + step - 1) / step;
    for (std::int64_t index = 0; index < count; ++index) {
      // First, last, second, last but one, ...: later blocks see more keys, and each thread gets neighbours.
      const std::int64_t number = index % 2 == 0 ? index / 2 : count - 1 - index / 2;
      const std::int64_t first = begin + number * step;
      QueryBlock block;
      block.prompt = prompt;
      block.first_query = first;
      block.queries = std::min(step, end - first);
      block.first_key = window > 0 ? std::max<std::int64_t>(0, first - window + 1) : 0;
      block.keys = first + block.queries - block.first_key;
      if (!uses_kernels(q) && !whole) {
        block.mask = make_causal_mask(first, block.queries, block.first_key, block.keys, window, q.device());
        if (prefers_fused(q)) block.mask = block.mask.to(q.scalar_type());
      }
      blocks_.push_back(std::move(block));
    }
  }
  blocks_window_ = window;
}

at::Tensor PrefillAttention::take_queries(const QueryBlock& block, const at::Tensor& tensor) const {
  const PromptSpan& prompt = prompts_[block.prompt];
  return tensor.narrow(0, prompt.first_token + block.first_query - prompt.position, block.queries)
      .transpose(0, 1);
}

void PrefillAttention::attend_block_fused(LayerIndex layer, const QueryBlock& block, std::int64_t kv_head,
                                          const at::Tensor& q, std::int64_t group, std::int64_t window,
                                          const at::Tensor& output) const {
  const PromptSpan& prompt = prompts_[block.prompt];
  const at::Tensor& keys = prompt.cache->padded_prompt_keys(layer);
  const at::Tensor& values = prompt.cache->padded_prompt_values(layer);
  const std::int64_t first_token = prompt.first_token + block.first_query - prompt.position;
  const std::int64_t offset = first_token * q.stride(0) + kv_head * group * q.size(2);
  attend_prompt({.q = elements_of<BFloat16>(q) + offset,
                 .output = elements_of<BFloat16>(output) + offset,
                 .token_stride = q.stride(0),
                 .tokens = block.queries,
                 .group = group,
                 .head_dim = q.size(2),
                 .first_position = block.first_query,
                 .window = window,
                 .keys = elements_of<BFloat16>(keys) + kv_head * keys.stride(0),
                 .values = elements_of<BFloat16>(values) + kv_head * values.stride(0),
                 .value_stride = values.stride(2),
                 .scale = score_scale(q.size(2))});
}

void PrefillAttention::attend_with_kernels(LayerIndex layer, const at::Tensor& q, std::int64_t kv_heads,
                                           std::int64_t window, const at::Tensor& output) const {
  const std::int64_t group = q.size(1) / kv_heads;
  std::int64_t scores = 0;
  for (const QueryBlock& block : blocks_) scores += block.queries * block.keys * q.size(1);
  const std::int64_t tiles = static_cast<std::int64_t>(blocks_.size()) * kv_heads;
  run_tiles(q.device(), tiles, 2 * scores * q.size(2), [&](std::int64_t tile) {
    const QueryBlock& block = blocks_[static_cast<std::size_t>(tile / kv_heads)];
    const std::int64_t kv_head = tile % kv_heads;
    if (fuses_attention(q)) {
      attend_block_fused(layer, block, kv_head, q, group, window, output);
      return;
    }
    const SequenceCache& cache = *prompts_[block.prompt].cache;
    const auto take_keys = [&](const at::Tensor& tensor) {
      return tensor.select(0, kv_head).narrow(0, block.first_key, pad_to_depth_step(block.keys));
    };
    const auto take_group = [&](const at::Tensor& tensor) {
      return take_queries(block, tensor).narrow(0, kv_head * group, group);
    };
    take_group(output).copy_(attend_head_with_kernels(
        take_group(q), take_keys(cache.padded_prompt_keys(layer)),
        take_keys(cache.padded_prompt_values(layer)), block.first_query - block.first_key, window));
  });
}

void PrefillAttention::attend_with_operators(LayerIndex layer, const at::Tensor& q,
                                             const at::Tensor& output) const {
  for (const QueryBlock& block : blocks_) {
    const SequenceCache& cache = *prompts_[block.prompt].cache;
    const auto take_keys = [&](const at::Tensor& tensor) {
      return tensor.narrow(1, block.first_key, block.keys).unsqueeze(0);
    };
    take_queries(block, output)
        .copy_(attend_prompts(take_queries(block, q).unsqueeze(0), take_keys(cache.prompt_keys(layer)),
                              take_keys(cache.prompt_values(layer)), block.mask)
                   .squeeze(0));
  }
}

at::Tensor PrefillAttention::attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k,
                                    const at::Tensor& v, std::int64_t window) {
  if (!is_planned_) pooled_ = PooledPrefill::plan(prompts_, q);
  is_planned_ = true;
  if (pooled_ && pooled_->sees_all(window)) return pooled_->attend(layer, q, k, v);
  lay_out_blocks(q, window);
  for (const PromptSpan& prompt : prompts_) {
    prompt.cache->write_prompt(layer, prompt.position, k.narrow(0, prompt.first_token, prompt.tokens),
                               v.narrow(0, prompt.first_token, prompt.tokens));
  }
  at::Tensor output = at::empty_like(q, at::MemoryFormat::Contiguous);
  if (uses_kernels(q)) {
    attend_with_kernels(layer, q, k.size(1), window, output);
  } else {
    attend_with_operators(layer, q, output);
  }
  return output.view({q.size(0), q.size(1) * q.size(2)});
}

}  // namespace lacuna
