#include "worker/nn/prefill_attention.h"

#include <algorithm>

#include "worker/nn/compute_threads.h"
#include "worker/nn/weigh_values.h"

namespace lacuna {
namespace {

// Bounds the score matrix of long prompts and skips keys that no query of the block may see.
constexpr std::int64_t kBlockQueries = 256;

}  // namespace

PrefillAttention::PrefillAttention(std::vector<PromptSpan> prompts) : prompts_(std::move(prompts)) {}

void PrefillAttention::lay_out_blocks(std::int64_t window, const at::Device& device) {
  if (window == blocks_window_) return;
  blocks_.clear();
  for (std::size_t prompt = 0; prompt < prompts_.size(); ++prompt) {
    for (std::int64_t first = 0; first < prompts_[prompt].tokens; first += kBlockQueries) {
      QueryBlock block;
      block.prompt = prompt;
      block.first_query = first;
      block.queries = std::min(kBlockQueries, prompts_[prompt].tokens - first);
      block.first_key = window > 0 ? std::max<std::int64_t>(0, first - window + 1) : 0;
      const std::int64_t keys = first + block.queries - block.first_key;
      block.mask = make_causal_mask(first, block.queries, block.first_key, keys, window, device);
      blocks_.push_back(std::move(block));
    }
  }
  blocks_window_ = window;
}

at::Tensor PrefillAttention::attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k,
                                    const at::Tensor& v, std::int64_t window) {
  lay_out_blocks(window, q.device());
  for (const PromptSpan& prompt : prompts_) {
    const auto take = [&](const at::Tensor& tensor) {
      return tensor.narrow(0, prompt.first_token, prompt.tokens).transpose(0, 1).contiguous();
    };
    prompt.cache->set_prompt(layer, take(k), take(v));
  }
  const std::int64_t kv_heads = k.size(1);
  const std::int64_t group = q.size(1) / kv_heads;  // query heads that share a kv head
  at::Tensor output = at::empty_like(q, at::MemoryFormat::Contiguous);
  std::int64_t scores = 0;
  for (const QueryBlock& block : blocks_) scores += block.mask.numel() * q.size(1);
  const std::int64_t tiles = static_cast<std::int64_t>(blocks_.size()) * kv_heads;
  run_tiles(q.device(), tiles, 2 * scores * q.size(2), [&](std::int64_t tile) {
    const QueryBlock& block = blocks_[static_cast<std::size_t>(tile / kv_heads)];
    const std::int64_t kv_head = tile % kv_heads;
    const PromptSpan& prompt = prompts_[block.prompt];
    const auto take_queries = [&](const at::Tensor& tensor) {
      return tensor.narrow(0, prompt.first_token + block.first_query, block.queries)
          .narrow(1, kv_head * group, group)
          .transpose(0, 1);  // [group, queries, head_dim]
    };
    const auto take_keys = [&](const at::Tensor& tensor) {
      return tensor.select(0, kv_head).narrow(0, block.first_key, block.mask.size(1));
    };
    take_queries(output).copy_(weigh_values(take_queries(q).contiguous(),
                                            take_keys(prompt.cache->prompt_keys(layer)),
                                            take_keys(prompt.cache->prompt_values(layer)), block.mask));
  });
  return output.view({q.size(0), q.size(1) * q.size(2)});
}

}  // namespace lacuna
