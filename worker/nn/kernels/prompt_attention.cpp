#include "worker/nn/kernels/prompt_attention.h"

#if defined(__x86_64__)
#include "worker/nn/kernels/score_columns.h"
#endif

#include <algorithm>
#include <vector>

#include "worker/nn/kernels/packed_rows.h"
#include "worker/nn/kernels/strip_sums.h"

namespace lacuna {

bool supports_prompt_attention(ProductKernel kernel, std::int64_t head_dim) {
  return kernel == ProductKernel::kAmx && head_dim % kStripFeatures == 0;
}

#if defined(__x86_64__)

namespace {

// Rows are queries in the order of the tokens, a token's heads side by side.
KeyRange find_visible_keys(const PromptAttentionTask& task, std::int64_t row) {
  const std::int64_t position = task.first_position + row / task.group;
  return {task.window > 0 ? std::max<std::int64_t>(0, position - task.window + 1) : 0, position + 1};
}

// Absent rows, from `rows` on, are like the last one.
LACUNA_TARGET_AVX512 RowLimits find_limits(const PromptAttentionTask& task, std::int64_t first_row,
                                           std::int64_t rows) {
  alignas(64) std::int32_t begin[kTileRows], end[kTileRows];
  RowLimits limits{.begin = {}, .end = {}, .all = find_visible_keys(task, first_row)};
  for (std::int64_t lane = 0; lane < kTileRows; ++lane) {
    const KeyRange visible = find_visible_keys(task, first_row + std::min(lane, rows - 1));
    begin[lane] = static_cast<std::int32_t>(visible.begin);
    end[lane] = static_cast<std::int32_t>(visible.end);
    limits.all = {std::max(limits.all.begin, visible.begin), std::min(limits.all.end, visible.end)};
  }
  limits.begin = _mm512_load_si512(begin);
  limits.end = _mm512_load_si512(end);
  return limits;
}

// The weights of 16 rows for `keys`, from and to multiples of 32 -> `packed`.
LACUNA_TARGET_AVX512 void weigh_keys(const ScoreColumns& scores, const RowLimits& limits,
                                     const KeyRange& keys, float scale, BFloat16* packed) {
  const __m512 largest = scale_scores(scores, limits, keys, scale);
  const __m512 sum = exponentiate_scores(scores, keys, largest);
  pack_weights(scores, keys, _mm512_div_ps(_mm512_set1_ps(1.0F), sum), packed);
}

// Memory for 32 rows, used again and again.
struct Workspace {
  Workspace(std::int64_t head_dim, std::int64_t most_keys)
      : queries(static_cast<std::size_t>(kPairRows * head_dim)),
        packed_queries(kPairRows, head_dim),
        weights(kPairRows, most_keys),
        sums(static_cast<std::size_t>(std::max(most_keys, head_dim) / kStripFeatures * kPairSums * 4) /
             sizeof(CacheLine)) {}
  [[nodiscard]] float* first_sum() { return reinterpret_cast<float*>(sums.data()); }

  std::vector<BFloat16> queries;  // [32, head_dim], later the output
  PackedRows packed_queries;
  PackedRows weights;
  std::vector<CacheLine> sums;
};

void attend_pair(const PromptAttentionTask& task, std::int64_t first_row, std::int64_t rows,
                 Workspace& work) {
  const auto offset_of = [&](std::int64_t row) {
    return row / task.group * task.token_stride + row % task.group * task.head_dim;
  };
  const std::int64_t blocks = (rows + kTileRows - 1) / kTileRows;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(task.q + offset_of(first_row + row), task.head_dim,
                work.queries.data() + row * task.head_dim);
  }
  for (std::int64_t row = 0; row < rows; row += kTileRows) {
    pack_rows(work.queries.data() + row * task.head_dim, task.head_dim, std::min(kTileRows, rows - row),
              task.head_dim, work.packed_queries.at(row, 0));
  }
  const std::int64_t begin = find_visible_keys(task, first_row).begin / kStripFeatures * kStripFeatures;
  const std::int64_t last = find_visible_keys(task, first_row + rows - 1).end;
  const std::int64_t end = (last + kStripFeatures - 1) / kStripFeatures * kStripFeatures;
  multiply_tiles({.weight = task.keys + begin * task.head_dim,
                  .strips = (end - begin) / kStripFeatures,
                  .weight_stride = task.head_dim,
                  .packed = work.packed_queries.at(0, 0),
                  .packed_stride = work.packed_queries.block_stride(),
                  .rows = rows,
                  .depth = task.head_dim,
                  .sums = work.first_sum()});
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int64_t row = block * kTileRows;
    const RowLimits limits = find_limits(task, first_row + row, std::min(kTileRows, rows - row));
    weigh_keys(ScoreColumns(work.first_sum(), begin, block), limits, {begin, end}, task.scale,
               work.weights.at(row, 0));
  }
  multiply_tiles({.weight = task.values + begin,
                  .strips = task.head_dim / kStripFeatures,
                  .weight_stride = task.value_stride,
                  .packed = work.weights.at(0, 0),
                  .packed_stride = work.weights.block_stride(),
                  .rows = rows,
                  .depth = end - begin,
                  .sums = work.first_sum()});
  for (std::int64_t strip = 0; strip < task.head_dim / kStripFeatures; ++strip) {
    write_sums({.sums = work.first_sum() + strip * kPairSums,
                .rows = rows,
                .output = work.queries.data() + strip * kStripFeatures,
                .output_stride = task.head_dim});
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(work.queries.data() + row * task.head_dim, task.head_dim,
                task.output + offset_of(first_row + row));
  }
}

}  // namespace

void attend_prompt(const PromptAttentionTask& task) {
  const std::int64_t rows = task.tokens * task.group;
  const std::int64_t most_keys =
      (task.first_position + task.tokens + kStripFeatures - 1) / kStripFeatures * kStripFeatures;
  Workspace work(task.head_dim, most_keys);
  for (std::int64_t row = 0; row < rows; row += kPairRows) {
    attend_pair(task, row, std::min(kPairRows, rows - row), work);
  }
}

#else

void attend_prompt(const PromptAttentionTask&) {}

#endif

}  // namespace lacuna
