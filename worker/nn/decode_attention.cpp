#include "worker/nn/decode_attention.h"

#include <algorithm>
#include <cmath>

#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/branch_attention.h"
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

// One kv head of one span by LibTorch's operators. q [rows, group, head_dim] -> the same shape.
at::Tensor attend_span(const BranchSpan& span, LayerIndex layer, std::int64_t kv_head,
                       const VisibleRange& visible, const at::Tensor& q) {
  const SequenceCache& cache = *span.cache;
  const auto take_prompt = [&](const at::Tensor& tensor) {
    return tensor.select(0, kv_head).slice(0, visible.prompt_begin);
  };
  const auto take_response = [&](const at::Tensor& tensor) {
    return tensor.select(1, kv_head).slice(1, visible.response_begin);
  };
  return attend_head(q, take_prompt(cache.prompt_keys(layer)), take_prompt(cache.prompt_values(layer)),
                     take_response(cache.response_keys(layer, span.slots)),
                     take_response(cache.response_values(layer, span.slots)));
}

// The same by our kernel. q, output [rows of the pass, heads, head_dim], contiguous.
template <class T>
void attend_span_on_cpu(const BranchSpan& span, LayerIndex layer, std::int64_t kv_head,
                        const VisibleRange& visible, const at::Tensor& q, const at::Tensor& output) {
  const SequenceCache& cache = *span.cache;
  const at::Tensor& prompt_keys = cache.padded_prompt_keys(layer);
  const at::Tensor& prompt_values = cache.padded_prompt_values(layer);
  const at::Tensor& response_keys = cache.all_response_keys(layer);
  const at::Tensor& response_values = cache.all_response_values(layer);
  const std::int64_t head_dim = q.size(2);
  const std::int64_t group = q.size(1) / prompt_keys.size(0);
  const std::int64_t response_offset = kv_head * response_keys.stride(1) + visible.response_begin * head_dim;
  const BranchContext<T> context{
      .prompt_keys =
          elements_of<T>(prompt_keys) + kv_head * prompt_keys.stride(0) + visible.prompt_begin * head_dim,
      .prompt_values =
          elements_of<T>(prompt_values) + kv_head * prompt_values.stride(0) + visible.prompt_begin,
      .value_stride = prompt_values.stride(2),
      .prompt_count = cache.prompt_length() - visible.prompt_begin,
      .response_keys = elements_of<T>(response_keys) + response_offset,
      .response_values = elements_of<T>(response_values) + response_offset,
      .slot_stride = response_keys.stride(0),
      .response_count = cache.response_length() + 1 - visible.response_begin,
      .head_dim = head_dim};
  const std::int64_t offset = span.first_row * q.stride(0) + kv_head * group * head_dim;
  attend_branches(context, span.slots, group, elements_of<T>(q) + offset, q.stride(0),
                  elements_of<T>(output) + offset);
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
    if (fits_kernels(q)) {
      with_kernel_type(q.scalar_type(),
                       [&]<class T>(T) { attend_span_on_cpu<T>(span, layer, kv_head, visible, q, output); });
      return;
    }
    const auto take_rows = [&](const at::Tensor& tensor) {
      return tensor.narrow(0, span.first_row, static_cast<std::int64_t>(span.slots.size()))
          .narrow(1, kv_head * group, group);
    };
    take_rows(output).copy_(attend_span(span, layer, kv_head, visible, take_rows(q).contiguous()));
  });
  return output.view({q.size(0), q.size(1) * q.size(2)});
}

}  // namespace lacuna
