#include "worker/nn/decode_attention.h"

#include <algorithm>
#include <cmath>

#include "worker/nn/compute_threads.h"
#include "worker/nn/weigh_values.h"

namespace lacuna {
namespace {

// The keys or values that the newest token sees of a prompt and a response, if it sees `window` positions
// back.
struct VisibleRange {
  std::int64_t prompt_begin = 0;
  std::int64_t response_begin = 0;
};

VisibleRange find_visible_range(const SequenceCache& cache, std::int64_t window) {
  if (window <= 0) return {};
  const std::int64_t first = cache.prompt_length() + cache.response_length() + 1 - window;
  return {std::clamp<std::int64_t>(first, 0, cache.prompt_length()),
          std::max<std::int64_t>(0, first - cache.prompt_length())};
}

// One kv head of one span. q [rows, group, head_dim]; prompt k, v [keys, head_dim]; response k, v
// [rows, keys, head_dim] -> [rows, group, head_dim].
at::Tensor attend_head(const at::Tensor& q, const at::Tensor& prompt_k, const at::Tensor& prompt_v,
                       const at::Tensor& response_k, const at::Tensor& response_v) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(2)));
  const at::Tensor prompt_scores = at::matmul(q, prompt_k.t());               // [rows, group, prompt keys]
  const at::Tensor response_scores = at::bmm(q, response_k.transpose(1, 2));  // [rows, group, response keys]
  const at::Tensor weights = softmax_scores(at::cat({prompt_scores, response_scores}, 2) * scale, {});
  const std::int64_t prompt_keys = prompt_k.size(0);
  const at::Tensor from_prompt = at::matmul(weights.narrow(2, 0, prompt_keys), prompt_v);
  return from_prompt + at::bmm(weights.narrow(2, prompt_keys, response_k.size(1)), response_v);
}

}  // namespace

at::Tensor DecodeAttention::attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k,
                                   const at::Tensor& v, std::int64_t window) {
  const std::int64_t kv_heads = k.size(1);
  const std::int64_t group = q.size(1) / kv_heads;
  at::Tensor output = at::empty_like(q, at::MemoryFormat::Contiguous);
  for (const BranchSpan& span : spans_) {
    const auto rows = static_cast<std::int64_t>(span.slots.size());
    span.cache->write_response(layer, span.slots, k.narrow(0, span.first_row, rows),
                               v.narrow(0, span.first_row, rows));
  }
  std::int64_t scores = 0;
  for (const BranchSpan& span : spans_) {
    const std::int64_t keys = span.cache->prompt_length() + span.cache->response_length() + 1;
    scores += static_cast<std::int64_t>(span.slots.size()) * q.size(1) * keys;
  }
  const std::int64_t tiles = static_cast<std::int64_t>(spans_.size()) * kv_heads;
  run_tiles(q.device(), tiles, 2 * scores * q.size(2), [&](std::int64_t tile) {
    const BranchSpan& span = spans_[static_cast<std::size_t>(tile / kv_heads)];
    const std::int64_t kv_head = tile % kv_heads;
    const VisibleRange visible = find_visible_range(*span.cache, window);
    const auto take_rows = [&](const at::Tensor& tensor) {
      return tensor.narrow(0, span.first_row, static_cast<std::int64_t>(span.slots.size()))
          .narrow(1, kv_head * group, group);
    };
    const auto take_prompt = [&](const at::Tensor& tensor) {
      return tensor.select(0, kv_head).slice(0, visible.prompt_begin);
    };
    const auto take_response = [&](const at::Tensor& tensor) {
      return tensor.select(1, kv_head).slice(1, visible.response_begin);
    };
    take_rows(output).copy_(attend_head(take_rows(q).contiguous(),
                                        take_prompt(span.cache->prompt_keys(layer)),
                                        take_prompt(span.cache->prompt_values(layer)),
                                        take_response(span.cache->response_keys(layer, span.slots)),
                                        take_response(span.cache->response_values(layer, span.slots))));
  });
  return output.view({q.size(0), q.size(1) * q.size(2)});
}

}  // namespace lacuna
