#include "worker/engine/top_p_draw.h"

#include <algorithm>
#include <limits>

#include "worker/engine/top_p_filter.h"
#include "worker/nn/compute_device.h"
#include "worker/nn/kernel_dispatch.h"

namespace lacuna {
namespace {

// Of a row, in multiply-adds that take as long.
constexpr std::int64_t kEntryCost = 64;
// Rows that operators take at a time: index tensors of 64 rows of 151,936 entries take 78 MB.
constexpr std::int64_t kRowsAtATime = 64;

std::vector<std::int64_t> draw_with_kernels(const at::Tensor& logits, std::span<const TopPDraw> draws,
                                            const TopPSettings& settings) {
  const std::int64_t vocabulary = logits.size(1);
  std::vector<std::int64_t> columns(draws.size());
  const auto count = static_cast<std::int64_t>(draws.size());
  with_kernel_type(logits.scalar_type(), [&]<class T>(T) {
    run_tiles(at::kCPU, count, kEntryCost * count * vocabulary, [&](std::int64_t tile) {
      thread_local TopPScratch scratch;
      const TopPDraw& draw = draws[static_cast<std::size_t>(tile)];
      columns[static_cast<std::size_t>(tile)] = choose_top_p(elements_of<T>(logits) + draw.row * vocabulary,
                                                             vocabulary, settings, draw.noise, scratch);
    });
  });
  return columns;
}

// Column of the first entry of every row of `sums` [n, m], which rises along it, that exceeds target [n].
at::Tensor find_first_above(const at::Tensor& sums, const at::Tensor& target) {
  const at::Tensor column = at::searchsorted(sums, target.unsqueeze(1), /*out_int32=*/false, /*right=*/true);
  return column.clamp_max(sums.size(1) - 1);
}

at::Tensor draw_sorted(const at::Tensor& logits, const at::Tensor& noise, const TopPSettings& settings) {
  const FilteredDistribution filtered = filter_top_p(logits, settings.temperature, settings.top_p);
  const at::Tensor sums = at::cumsum(filtered.probabilities.to(at::kDouble), -1);
  // The total may round to just below 1.
  const at::Tensor target = noise * sums.select(1, -1);
  return filtered.sorted_ids.gather(1, find_first_above(sums, target)).squeeze(1);
}

// The numbers that a bfloat16 can be, by falling value. A code is its bits as a 16-bit integer, counted from
// the smallest one on.
constexpr std::int64_t kCodes = std::int64_t{1} << 16U;
constexpr std::int64_t kMinusZero = 0;
constexpr std::int64_t kZero = 0x8000;
constexpr std::int64_t kInfinity = 0xFF80;
constexpr std::int64_t kMinusInfinity = 0x7F80;

struct NumberTable {
  at::Tensor codes;   // int64 [numbers]
  at::Tensor values;  // float32 [numbers]
};

NumberTable list_numbers(const at::Device& device) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  const at::Tensor codes = at::cat(
      {at::arange(kInfinity, kZero - 1, -1, options), at::arange(kMinusZero, kMinusInfinity + 1, options)});
  const at::Tensor bits = codes.to(at::kInt).bitwise_xor(0x8000).bitwise_left_shift(16);
  return {codes, bits.view(at::kFloat)};
}

// float64 [n, numbers]: how many of a row's logits are that number; -0 counts as 0.
at::Tensor count_numbers(const at::Tensor& logits, const NumberTable& numbers) {
  const at::Tensor codes = logits.contiguous().view(at::kShort).to(at::kLong).add_(kZero);
  const auto options = codes.options().dtype(at::kInt);
  const at::Tensor counts = at::zeros({logits.size(0), kCodes}, options)
                                .scatter_add_(1, codes, at::ones({1, 1}, options).expand(codes.sizes()));
  const at::Tensor minus_zeros = counts.select(1, kMinusZero);
  counts.select(1, kZero).add_(minus_zeros);
  minus_zeros.zero_();
  return counts.index_select(1, numbers.codes).to(at::kDouble);
}

// The draw of choose_top_p with a bucket for every number that a logit can be: entries of a bucket are equal.
// largest_logits [n].
at::Tensor draw_counted(const at::Tensor& logits, const at::Tensor& largest_logits, const at::Tensor& noise,
                        const TopPSettings& settings, const NumberTable& numbers) {
  const at::Tensor counts = count_numbers(logits, numbers);
  const at::Tensor largest = largest_logits.unsqueeze(1).to(at::kFloat);
  const at::Tensor scaled = (numbers.values / settings.temperature).unsqueeze(0);
  // Numbers above the largest have no entries; their weights must not overflow.
  const at::Tensor weights =
      at::exp((scaled - largest / settings.temperature).clamp_max(0.0)).to(at::kDouble);
  const at::Tensor sums = at::cumsum(counts * weights, 1);
  const at::Tensor before = at::constant_pad_nd(sums.slice(1, 0, sums.size(1) - 1), {1, 0});

  const at::Tensor bound = settings.top_p * sums.slice(1, sums.size(1) - 1);
  // Of a bucket's equal entries those stay that have at most `bound` before them.
  const at::Tensor room = at::floor((bound - before) / weights) + 1.0;
  const at::Tensor kept =
      at::where(weights > 0, at::minimum(counts, room.clamp_min(0.0)), at::zeros_like(counts));
  const at::Tensor kept_sums = at::cumsum(kept * weights, 1);
  const at::Tensor target = noise * kept_sums.select(1, -1);
  const at::Tensor bucket = find_first_above(kept_sums, target);  // [n, 1]
  const auto of_bucket = [&](const at::Tensor& table) { return table.gather(1, bucket); };
  const at::Tensor passed = of_bucket(kept_sums) - of_bucket(kept) * of_bucket(weights);
  const at::Tensor number = at::floor((target.unsqueeze(1) - passed) / of_bucket(weights))
                                .clamp_min(0.0)
                                .minimum(of_bucket(kept) - 1.0)
                                .to(at::kInt);
  // The entry of that number, from 0, in the bucket.
  const at::Tensor is_member =
      logits == numbers.values.index_select(0, bucket.squeeze(1)).unsqueeze(1).to(logits.scalar_type());
  const at::Tensor members_so_far = at::cumsum(is_member, 1, at::kInt);
  const at::Tensor is_drawn = at::logical_and(is_member, members_so_far == number + 1);
  return at::argmax(is_drawn.to(at::kByte), 1);
}

}  // namespace

at::Tensor draw_top_p_with_operators(const at::Tensor& logits, const at::Tensor& noise,
                                     const TopPSettings& settings) {
  const bool are_counted = logits.scalar_type() == at::kBFloat16;
  const NumberTable numbers = are_counted ? list_numbers(logits.device()) : NumberTable();
  std::vector<at::Tensor> columns;
  for (std::int64_t first = 0; first < logits.size(0); first += kRowsAtATime) {
    const std::int64_t count = std::min(kRowsAtATime, logits.size(0) - first);
    const at::Tensor given = logits.narrow(0, first, count);
    const at::Tensor rows = given.masked_fill(at::isnan(given), -std::numeric_limits<double>::infinity());
    const at::Tensor row_noise = noise.narrow(0, first, count);
    const auto [largest, largest_columns] = at::max(rows, 1);
    const at::Tensor drawn = are_counted ? draw_counted(rows, largest, row_noise, settings, numbers)
                                         : draw_sorted(rows, row_noise, settings);
    columns.push_back(at::where(at::isfinite(largest), drawn, largest_columns));
  }
  return at::cat(columns);
}

std::vector<std::int64_t> draw_top_p(const at::Tensor& logits, std::span<const TopPDraw> draws,
                                     const TopPSettings& settings) {
  if (fits_kernels(logits)) return draw_with_kernels(logits, draws, settings);
  std::vector<std::int64_t> rows;
  std::vector<double> noise;
  for (const TopPDraw& draw : draws) {
    rows.push_back(draw.row);
    noise.push_back(draw.noise);
  }
  const at::Tensor columns =
      draw_top_p_with_operators(
          logits.index_select(0, to_device(rows, logits.device())),
          at::tensor(noise, at::kDouble).to(logits.device(), at::kDouble, /*non_blocking=*/true), settings)
          .to(at::kCPU)
          .contiguous();
  return {columns.data_ptr<std::int64_t>(), columns.data_ptr<std::int64_t>() + columns.numel()};
}

}  // namespace lacuna
