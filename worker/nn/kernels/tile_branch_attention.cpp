#include "worker/nn/kernels/tile_branch_attention.h"

#if defined(__x86_64__)
#include "worker/nn/kernels/score_columns.h"
#endif

#include <algorithm>
#include <cmath>
#include <memory>

#include "worker/nn/kernels/avx512_dots.h"
#include "worker/nn/kernels/packed_rows.h"
#include "worker/nn/kernels/strip_sums.h"

namespace lacuna {

bool supports_tile_branches(ProductKernel kernel, const BranchContext<BFloat16>& context) {
  return kernel == ProductKernel::kAmx && context.head_dim % kStripFeatures == 0 && context.prompt_count > 0;
}

#if defined(__x86_64__)

namespace {

std::int64_t round_up(std::int64_t count, std::int64_t step) {
  return (count + step - 1) / step * step;
}

// One call's attention. Rows are queries, a branch's heads side by side; keys are the prompt's, padded to a
// multiple of 32, then the response's, which differ from branch to branch.
class TileBranches {
 public:
  TileBranches(const BranchContext<BFloat16>& context, std::span<const std::int64_t> slots,
               std::int64_t group, const BFloat16* q, std::int64_t stride, BFloat16* output);
  void attend();

 private:
  [[nodiscard]] std::int64_t rows() const { return static_cast<std::int64_t>(slots_.size()) * group_; }
  // Where the response of a row's branch begins.
  [[nodiscard]] std::int64_t response_offset(std::int64_t row) const {
    return slots_[static_cast<std::size_t>(row / group_)] * context_.slot_stride;
  }
  [[nodiscard]] std::int64_t row_offset(std::int64_t row) const {
    return row / group_ * stride_ + row % group_ * context_.head_dim;
  }
  [[nodiscard]] ScoreColumns columns(std::int64_t block) { return {key_sums_, 0, block}; }

  void fetch_context() const;
  void score_responses();
  void attend_pair(std::int64_t first_row, std::int64_t rows);
  void pack_queries(std::int64_t first_row, std::int64_t rows);
  void spread_response_scores(std::int64_t first_row, std::int64_t rows, const ScoreColumns& scores) const;
  void weigh_block(std::int64_t first_row, std::int64_t rows, std::int64_t block);
  void add_response_values(std::int64_t row, std::int64_t lane, const ScoreColumns& weights,
                           const BFloat16* prompt_sums) const;

  const BranchContext<BFloat16>& context_;
  std::span<const std::int64_t> slots_;
  std::int64_t group_;
  const BFloat16* q_;
  std::int64_t stride_;
  BFloat16* output_;

  std::int64_t padded_prompt_;
  std::int64_t padded_response_;
  std::unique_ptr<BFloat16[]> response_scores_;  // [all rows, padded_response_]
  // Of two blocks of rows, used again and again:
  std::unique_ptr<BFloat16[]> queries_;  // [32, head_dim], later the prompt's part of the output
  PackedRows packed_queries_;
  PackedRows prompt_weights_;
  std::unique_ptr<CacheLine[]> sums_;
  float* key_sums_;    // first scores, then weights
  float* value_sums_;  // behind them
};

TileBranches::TileBranches(const BranchContext<BFloat16>& context, std::span<const std::int64_t> slots,
                           std::int64_t group, const BFloat16* q, std::int64_t stride, BFloat16* output)
    : context_(context),
      slots_(slots),
      group_(group),
      q_(q),
      stride_(stride),
      output_(output),
      padded_prompt_(round_up(context.prompt_count, kStripFeatures)),
      padded_response_(round_up(context.response_count, kStripFeatures)),
      response_scores_(std::make_unique<BFloat16[]>(static_cast<std::size_t>(rows() * padded_response_))),
      queries_(
          std::make_unique_for_overwrite<BFloat16[]>(static_cast<std::size_t>(kPairRows * context.head_dim))),
      packed_queries_(kPairRows, context.head_dim),
      prompt_weights_(kPairRows, padded_prompt_) {
  const std::int64_t keys = padded_prompt_ + padded_response_;
  constexpr std::int64_t kLineFloats = sizeof(CacheLine) / sizeof(float);
  sums_ = std::make_unique_for_overwrite<CacheLine[]>(
      static_cast<std::size_t>((keys + context.head_dim) * kPairRows / kLineFloats));
  key_sums_ = reinterpret_cast<float*>(sums_.get());
  value_sums_ = key_sums_ + keys * kPairRows;
}

void fetch(const BFloat16* elements, std::int64_t count) {
  asm volatile("");  // GCC leaves out calls of functions that only fetch
  for (std::int64_t i = 0; i < count; i += kStripFeatures) {
    _mm_prefetch(reinterpret_cast<const char*>(elements + i), _MM_HINT_T1);
  }
}

// Keys and values lie in many places, each too short for the processor to see what comes next. Left to their
// first use they also slow the products that follow in the layer: of 64 rows by a half.
void TileBranches::fetch_context() const {
  const std::int64_t response = context_.response_count * context_.head_dim;
  for (std::int64_t row = 0; row < rows(); row += group_) {
    fetch(context_.response_keys + response_offset(row), response);
    fetch(context_.response_values + response_offset(row), response);
  }
  fetch(context_.prompt_keys, padded_prompt_ * context_.head_dim);
  for (std::int64_t i = 0; i < context_.head_dim; ++i) {
    fetch(context_.prompt_values + i * context_.value_stride, padded_prompt_);
  }
}

// A branch's heads share its keys.
void TileBranches::score_responses() {
  for (std::int64_t row = 0; row < rows(); row += group_) {
    for (std::int64_t head = 0; head < group_; head += kMostDotRows) {
      multiply_by_dots({.weight = context_.response_keys + response_offset(row),
                        .weight_stride = context_.head_dim,
                        .features = context_.response_count,
                        .x = q_ + row_offset(row + head),
                        .x_stride = context_.head_dim,
                        .rows = std::min(kMostDotRows, group_ - head),
                        .depth = context_.head_dim,
                        .output = response_scores_.get() + (row + head) * padded_response_,
                        .output_stride = padded_response_});
    }
  }
}

void TileBranches::pack_queries(std::int64_t first_row, std::int64_t rows) {
  const std::int64_t head_dim = context_.head_dim;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(q_ + row_offset(first_row + row), head_dim, queries_.get() + row * head_dim);
  }
  for (std::int64_t row = 0; row < rows; row += kTileRows) {
    pack_rows(queries_.get() + row * head_dim, head_dim, std::min(kTileRows, rows - row), head_dim,
              packed_queries_.at(row, 0));
  }
}

// Row by row -> a vector of 16 rows for each key, behind the prompt's; absent rows 0.
LACUNA_TARGET_AVX512 void TileBranches::spread_response_scores(std::int64_t first_row, std::int64_t rows,
                                                               const ScoreColumns& scores) const {
  for (std::int64_t key = 0; key < context_.response_count; key += kTileRows) {
    __m512i columns[kTileRows];
    for (std::int64_t row = 0; row < kTileRows; ++row) {
      const BFloat16* const place = response_scores_.get() + (first_row + row) * padded_response_ + key;
      columns[row] =
          row < rows
              ? _mm512_castps_si512(widen_half(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(place))))
              : _mm512_setzero_si512();
    }
    transpose(columns);
    for (std::int64_t i = 0; i < kTileRows; ++i) {
      _mm512_store_si512(scores.of(padded_prompt_ + key + i), columns[i]);
    }
  }
}

// The prompt's weights are packed for its values; the response's stay where the scores were, rounded.
LACUNA_TARGET_AVX512 void TileBranches::weigh_block(std::int64_t first_row, std::int64_t rows,
                                                    std::int64_t block) {
  const ScoreColumns scores = columns(block);
  spread_response_scores(first_row + block * kTileRows, std::min(kTileRows, rows - block * kTileRows),
                         scores);
  const KeyRange prompt{0, padded_prompt_};
  const KeyRange response{padded_prompt_, padded_prompt_ + round_up(context_.response_count, 2)};
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(context_.head_dim)));
  const __m512 largest = _mm512_max_ps(
      scale_scores(scores, limit_all_rows({0, context_.prompt_count}), prompt, scale),
      scale_scores(scores, limit_all_rows({padded_prompt_, padded_prompt_ + context_.response_count}),
                   response, scale));
  const __m512 sum = exponentiate_scores(scores, {0, response.end}, largest);
  const __m512 share = _mm512_div_ps(_mm512_set1_ps(1.0F), sum);
  pack_weights(scores, prompt, share, prompt_weights_.at(block * kTileRows, 0));
  for (std::int64_t key = response.begin; key < response.end; ++key) {
    const __m512 weight = _mm512_mul_ps(_mm512_load_ps(scores.of(key)), share);
    _mm512_store_ps(scores.of(key), widen_first(round_both(weight, weight)));
  }
}

// What the prompt gave a row plus its response's part -> output, rounded.
LACUNA_TARGET_AVX512 void TileBranches::add_response_values(std::int64_t row, std::int64_t lane,
                                                            const ScoreColumns& weights,
                                                            const BFloat16* prompt_sums) const {
  const BFloat16* const values = context_.response_values + response_offset(row);
  BFloat16* const output = output_ + row_offset(row);
  for (std::int64_t i = 0; i < context_.head_dim; i += kStripFeatures) {
    __m512 first = _mm512_setzero_ps();
    __m512 second = _mm512_setzero_ps();
    for (std::int64_t key = 0; key < context_.response_count; ++key) {
      const __m512 weight = _mm512_set1_ps(weights.of(padded_prompt_ + key)[lane]);
      const __m512i value = _mm512_loadu_si512(values + key * context_.head_dim + i);
      first = _mm512_fmadd_ps(weight, widen_first(value), first);
      second = _mm512_fmadd_ps(weight, widen_second(value), second);
    }
    const __m512i sums = _mm512_loadu_si512(prompt_sums + i);
    _mm512_storeu_si512(output + i, round_both(_mm512_add_ps(widen_first(sums), first),
                                               _mm512_add_ps(widen_second(sums), second)));
  }
}

// `rows` <= 32.
void TileBranches::attend_pair(std::int64_t first_row, std::int64_t rows) {
  const std::int64_t head_dim = context_.head_dim;
  pack_queries(first_row, rows);
  multiply_tiles({.weight = context_.prompt_keys,
                  .strips = padded_prompt_ / kStripFeatures,
                  .weight_stride = head_dim,
                  .packed = packed_queries_.at(0, 0),
                  .packed_stride = packed_queries_.block_stride(),
                  .rows = rows,
                  .depth = head_dim,
                  .sums = key_sums_});
  for (std::int64_t block = 0; block * kTileRows < rows; ++block) weigh_block(first_row, rows, block);
  multiply_tiles({.weight = context_.prompt_values,
                  .strips = head_dim / kStripFeatures,
                  .weight_stride = context_.value_stride,
                  .packed = prompt_weights_.at(0, 0),
                  .packed_stride = prompt_weights_.block_stride(),
                  .rows = rows,
                  .depth = padded_prompt_,
                  .sums = value_sums_});
  for (std::int64_t strip = 0; strip < head_dim / kStripFeatures; ++strip) {
    write_sums({.sums = value_sums_ + strip * kPairSums,
                .rows = rows,
                .output = queries_.get() + strip * kStripFeatures,
                .output_stride = head_dim});
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    add_response_values(first_row + row, row % kTileRows, columns(row / kTileRows),
                        queries_.get() + row * head_dim);
  }
}

void TileBranches::attend() {
  fetch_context();
  score_responses();
  for (std::int64_t row = 0; row < rows(); row += kPairRows) {
    attend_pair(row, std::min(kPairRows, rows() - row));
  }
}

}  // namespace

void attend_tile_branches(const BranchContext<BFloat16>& context, std::span<const std::int64_t> slots,
                          std::int64_t group, const BFloat16* q, std::int64_t stride, BFloat16* output) {
  TileBranches(context, slots, group, q, stride, output).attend();
}

#else

void attend_tile_branches(const BranchContext<BFloat16>&, std::span<const std::int64_t>, std::int64_t,
                          const BFloat16*, std::int64_t, BFloat16*) {}

#endif

}  // namespace lacuna
