#include "worker/nn/decode_attention.h"

#include <algorithm>

#include "worker/nn/compute_device.h"
#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/branch_attention.h"
#include "worker/nn/operator_attention.h"

namespace lacuna {
namespace {

// Of a query and a key, in multiply-adds of a large product: so few at a time take longer each.
constexpr std::int64_t kAttentionCost = 16;

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

// One span by LibTorch's operators, all heads at once. q [rows, heads, head_dim] -> the same shape.
at::Tensor attend_span(const BranchSpan& span, const at::Tensor& slot_index, LayerIndex layer,
                       const VisibleRange& visible, const at::Tensor& q) {
  const SequenceCache& cache = *span.cache;
  const auto so_far = [&](const at::Tensor& prompt, const at::Tensor& responses) {
    return BranchKeys{prompt.slice(1, visible.prompt_begin).unsqueeze(0),
                      responses.slice(2, visible.response_begin).unsqueeze(1)};
  };
  const at::Tensor prompt_keys = cache.prompt_keys(layer);  // [kv heads, p, d]
  const std::int64_t kv_heads = prompt_keys.size(0);
  const std::int64_t rows = q.size(0);
  return attend_branches_of(
             q.reshape({rows, 1, kv_heads, q.size(1) / kv_heads, q.size(2)}),
             so_far(prompt_keys, cache.response_keys(layer, span.slots, slot_index)),
             so_far(cache.prompt_values(layer), cache.response_values(layer, span.slots, slot_index)), {})
      .reshape(q.sizes());
}

// One kv head of one span by our kernel. q, output [rows of the pass, heads, head_dim], contiguous.
template <class T>
void attend_head_with_kernel(const BranchSpan& span, LayerIndex layer, std::int64_t kv_head,
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

void DecodeAttention::index_slots(const at::Device& device) {
  if (slot_index_.defined()) return;
  std::vector<std::int64_t> slots;
  for (const BranchSpan& span : spans_) slots.insert(slots.end(), span.slots.begin(), span.slots.end());
  slot_index_ = to_device(slots, device);
}

at::Tensor DecodeAttention::slots_of(const BranchSpan& span) const {
  if (!slot_index_.defined()) return {};
  return slot_index_.narrow(0, span.first_row, static_cast<std::int64_t>(span.slots.size()));
}

void DecodeAttention::attend_with_kernels(LayerIndex layer, const at::Tensor& q, std::int64_t kv_heads,
                                          std::int64_t window, const at::Tensor& output) const {
  std::int64_t scores = 0;
  for (const BranchSpan& span : spans_) {
    const std::int64_t keys = span.cache->prompt_length() + span.cache->response_length() + 1;
    scores += static_cast<std::int64_t>(span.slots.size()) * q.size(1) * keys;
  }
  const std::int64_t tiles = static_cast<std::int64_t>(spans_.size()) * kv_heads;
  run_tiles(q.device(), tiles, kAttentionCost * scores * q.size(2), [&](std::int64_t tile) {
    const BranchSpan& span = spans_[static_cast<std::size_t>(tile / kv_heads)];
    const VisibleRange visible = find_visible_range(*span.cache, window);
    with_kernel_type(q.scalar_type(), [&]<class T>(T) {
      attend_head_with_kernel<T>(span, layer, tile % kv_heads, visible, q, output);
    });
  });
}

void DecodeAttention::attend_with_operators(LayerIndex layer, const at::Tensor& q, std::int64_t window,
                                            const at::Tensor& output) const {
  for (const BranchSpan& span : spans_) {
    const auto rows = static_cast<std::int64_t>(span.slots.size());
    output.narrow(0, span.first_row, rows)
        .copy_(attend_span(span, slots_of(span), layer, find_visible_range(*span.cache, window),
                           q.narrow(0, span.first_row, rows)));
  }
}

at::Tensor DecodeAttention::attend(LayerIndex layer, const at::Tensor& q, const at::Tensor& k,
                                   const at::Tensor& v, std::int64_t window) {
  if (!is_planned_) pooled_ = PooledDecode::plan(spans_, q);
  is_planned_ = true;
  if (pooled_) return pooled_->attend(layer, q, k, v, window);
  const bool in_pool = spans_.front().cache->pool() != nullptr;
  const bool with_kernels = path_ == AttentionPath::kFastest && !in_pool && fits_kernels(q);
  if (!with_kernels) index_slots(q.device());
  at::Tensor output = at::empty_like(q, at::MemoryFormat::Contiguous);
  for (const BranchSpan& span : spans_) {
    const auto rows = static_cast<std::int64_t>(span.slots.size());
    span.cache->write_response(layer, span.slots, k.narrow(0, span.first_row, rows),
                               v.narrow(0, span.first_row, rows), slots_of(span));
  }
  if (with_kernels) {
    attend_with_kernels(layer, q, k.size(1), window, output);
  } else {
    attend_with_operators(layer, q, window, output);
  }
  return output.view({q.size(0), q.size(1) * q.size(2)});
}

}  // namespace lacuna
