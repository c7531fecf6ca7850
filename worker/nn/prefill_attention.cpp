#include "worker/nn/prefill_attention.h"

#include <algorithm>

#include "worker/nn/compute_threads.h"
#include "worker/nn/linear.h"
#include "worker/nn/weigh_values.h"

namespace lacuna {
namespace {

// Bounds the score matrix of long prompts and skips keys that no query of the block may see.
constexpr std::int64_t kBlockQueries = 128;

// Attention of one block on the CPU. q [group, queries, head_dim]; keys [padded keys, head_dim] and values
// [padded keys, head_dim] from the block's first key on.
at::Tensor attend_on_cpu(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
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

PrefillAttention::PrefillAttention(std::vector<PromptSpan> prompts) : prompts_(std::move(prompts)) {}

void PrefillAttention::lay_out_blocks(std::int64_t window, const at::Device& device) {
  if (window == blocks_window_) return;
  blocks_.clear();
  for (std::size_t prompt = 0; prompt < prompts_.size(); ++prompt) {
    const std::int64_t begin = prompts_[prompt].position;
    const std::int64_t end = begin + prompts_[prompt].tokens;
    for (std::int64_t first = begin; first < end; first += kBlockQueries) {
      QueryBlock block;
      block.prompt = prompt;
      block.first_query = first;
      block.queries = std::min(kBlockQueries, end - first);
      block.first_key = window > 0 ? std::max<std::int64_t>(0, first - window + 1) : 0;
      block.keys = first + block.queries - block.first_key;
      if (!device.is_cpu()) {
        block.mask = make_causal_mask(first, block.queries, block.first_key, block.keys, window, device);
      }
      blocks_.push_back(std::move(block));
    }
  }
  blocks_window_ = window;
}

at::Tensor PrefillAttention::attend_block(const QueryBlock& block, LayerIndex layer, std::int64_t kv_head,
                                          const at::Tensor& q, std::int64_t window) const {
  const SequenceCache& cache = *prompts_[block.prompt].cache;
  const auto take = [&](const at::Tensor& tensor, std::int64_t keys) {
    return tensor.select(0, kv_head).narrow(0, block.first_key, keys);
  };
  if (!q.device().is_cpu()) {
    return weigh_values(q.contiguous(), take(cache.prompt_keys(layer), block.keys),
                        take(cache.prompt_values(layer), block.keys), block.mask);
  }
  const std::int64_t padded = pad_positions(block.keys);
  return attend_on_cpu(q, take(cache.padded_prompt_keys(layer), padded),
                       take(cache.padded_prompt_values(layer), padded), block.first_query - block.first_key,
                       window);
}

at::Tensor PrefillAttention::attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k,
                                    const at::Tensor& v, std::int64_t window) {
  lay_out_blocks(window, q.device());
  for (const PromptSpan& prompt : prompts_) {
    prompt.cache->write_prompt(layer, prompt.position, k.narrow(0, prompt.first_token, prompt.tokens),
                               v.narrow(0, prompt.first_token, prompt.tokens));
  }
  const std::int64_t kv_heads = k.size(1);
  const std::int64_t group = q.size(1) / kv_heads;  // query heads that share a kv head
  at::Tensor output = at::empty_like(q, at::MemoryFormat::Contiguous);
  std::int64_t scores = 0;
  for (const QueryBlock& block : blocks_) scores += block.queries * block.keys * q.size(1);
  const std::int64_t tiles = static_cast<std::int64_t>(blocks_.size()) * kv_heads;
  run_tiles(q.device(), tiles, 2 * scores * q.size(2), [&](std::int64_t tile) {
    const QueryBlock& block = blocks_[static_cast<std::size_t>(tile / kv_heads)];
    const std::int64_t kv_head = tile % kv_heads;
    const PromptSpan& prompt = prompts_[block.prompt];
    const auto take_queries = [&](const at::Tensor& tensor) {
      return tensor.narrow(0, prompt.first_token + block.first_query - prompt.position, block.queries)
          .narrow(1, kv_head * group, group)
          .transpose(0, 1);  // [group, queries, head_dim]
    };
    take_queries(output).copy_(attend_block(block, layer, kv_head, take_queries(q), window));
  });
  return output.view({q.size(0), q.size(1) * q.size(2)});
}

}  // namespace lacuna
