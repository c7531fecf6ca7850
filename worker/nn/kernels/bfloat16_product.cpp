#include "worker/nn/kernels/bfloat16_product.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "worker/nn/kernels/amx_tiles.h"
#include "worker/nn/kernels/avx512_dots.h"
#include "worker/nn/kernels/strip_sums.h"

namespace lacuna {
namespace {

static_assert(kDepthStep == kTileDepth);

// Of x, in a core's second-level cache (1 to 2 MiB where there is AMX) beside strips of weights.
constexpr std::int64_t kChunkBytes = std::int64_t{3} << 19U;
// Where no chunk of x that is worth its pass over the weights fits that cache, so many rows are taken, and
// several strips at a time, whose sums are there instead.
constexpr std::int64_t kDeepChunkRows = 512;
constexpr std::int64_t kMostGroupStrips = 8;
// Where weights are only read, four strips at a time are read 8 % faster than one.
constexpr std::int64_t kMostDotStrips = 4;
// Of a strip of weights and of two blocks of x, in the first-level cache: with more rows than
// kFewestBlockedRows they are used again often enough to pay for keeping sums in memory meanwhile.
constexpr std::int64_t kDepthBlock = 224;
constexpr std::int64_t kFewestBlockedRows = 65;

// Room for so many floats, the calling thread's own: to ask for it at every task would take as long as a
// twentieth of the task.
float* provide_scratch(std::size_t count) {
  static thread_local std::unique_ptr<CacheLine[]> lines;
  static thread_local std::size_t present = 0;
  const std::size_t wanted = (count * sizeof(float) + sizeof(CacheLine) - 1) / sizeof(CacheLine);
  if (wanted > present) {
    lines = std::make_unique_for_overwrite<CacheLine[]>(wanted);
    present = wanted;
  }
  return reinterpret_cast<float*>(lines.get());
}

std::int64_t count_parts(std::int64_t total, std::int64_t part) {
  return (total + part - 1) / part;
}

// So many that a thread reads far without a jump, but no thread is left with over a fiftieth more than its
// share.
std::int64_t group_dot_strips(std::int64_t strips, std::int64_t threads) {
  std::int64_t group = kMostDotStrips;
  const auto most_of_a_thread = [&] { return count_parts(count_parts(strips, group), threads) * group; };
  while (group > 1 && 50 * threads * most_of_a_thread() > 51 * strips) --group;
  return group;
}

// The last strip begins earlier where features run out.
std::int64_t first_computed(const ProductOperand& operand, std::int64_t wanted) {
  return std::min(wanted, operand.features - kStripFeatures);
}

}  // namespace

bool BFloat16Product::supports(ProductKernel kernel, const ProductRows& x,
                               std::span<const ProductOperand> operands) {
  if (kernel == ProductKernel::kLibrary || x.depth % kDepthStep != 0 || x.depth == 0 || x.rows == 0)
    return false;
  if (kernel == ProductKernel::kAvx512) return x.rows <= kMostDotRows;
  return x.rows <= kFewRows || std::ranges::all_of(operands, [](const ProductOperand& operand) {
           return operand.features >= kStripFeatures;
         });
}

bool BFloat16Product::supports_gate(ProductKernel kernel, const ProductRows& x,
                                    std::span<const ProductOperand> operands) {
  return kernel == ProductKernel::kAmx && x.rows > kFewRows && supports(kernel, x, operands) &&
         operands.size() == 2 && operands[0].features == operands[1].features &&
         operands[0].features % kStripFeatures == 0;
}

BFloat16Product::BFloat16Product(ProductKernel kernel, const ProductRows& x,
                                 std::span<const ProductOperand> operands, std::int64_t threads)
    : uses_tiles_(kernel == ProductKernel::kAmx && x.rows > kFewRows),
      x_(x),
      operands_(operands.begin(), operands.end()) {
  plan_strips(threads);
  if (uses_tiles_) packed_ = PackedRows(x.rows, x.depth);
}

BFloat16Product::BFloat16Product(PackedRows x, std::span<const ProductOperand> operands, std::int64_t threads)
    : uses_tiles_(true),
      x_{.rows = x.rows(), .depth = x.depth()},
      operands_(operands.begin(), operands.end()),
      packed_(std::move(x)) {
  plan_strips(threads);
}

void BFloat16Product::plan_strips(std::int64_t threads) {
  std::int64_t strips = 0;
  for (const ProductOperand& operand : operands_) {
    first_strip_.push_back(strips);
    strips += count_parts(operand.features, kStripFeatures);
  }
  first_strip_.push_back(strips);
  if (!uses_tiles_) {
    group_strips_ = group_dot_strips(strips, threads);
  } else if (chunk_rows() * x_.depth * 2 > kChunkBytes) {
    group_strips_ = std::clamp<std::int64_t>(strips / (2 * threads), 1, kMostGroupStrips);
  }
}

std::int64_t BFloat16Product::chunk_rows() const {
  constexpr std::int64_t kPairRows = 2 * kTileRows;
  const std::int64_t fitting = kChunkBytes / (x_.depth * 2) / kPairRows * kPairRows;
  // Chunks of equal size: every one reads all of the weights.
  const std::int64_t chunks = count_parts(x_.rows, std::max(kDeepChunkRows, fitting));
  return count_parts(x_.rows, chunks * kPairRows) * kPairRows;
}

// Without the heap: a strip of a few rows is done in a microsecond.
struct BFloat16Product::StripList {
  std::int64_t chunk = 0;
  std::array<Strip, kMostGroupStrips + 1> items{};  // an odd group's pairs are one more
  std::size_t count = 0;

  void add(const Strip& strip) { items[count++] = strip; }
  [[nodiscard]] std::span<const Strip> all() const { return {items.data(), count}; }
};

std::int64_t BFloat16Product::preparation_tasks() const {
  return x_.x == nullptr ? 0 : packed_.blocks();
}

void BFloat16Product::prepare(std::int64_t task) {
  const std::int64_t row = task * kTileRows;
  pack_rows(x_.x + row * x_.stride, x_.stride, std::min(kTileRows, x_.rows - row), x_.depth,
            packed_.at(row, 0));
}

std::int64_t BFloat16Product::chunks() const {
  return uses_tiles_ ? count_parts(x_.rows, chunk_rows()) : 1;
}

std::int64_t BFloat16Product::rows_of(std::int64_t chunk) const {
  return uses_tiles_ ? std::min(chunk_rows(), x_.rows - chunk * chunk_rows()) : x_.rows;
}

std::int64_t BFloat16Product::tasks() const {
  return chunks() * count_parts(first_strip_.back(), group_strips_);
}

std::int64_t BFloat16Product::gated_group() const {
  return (group_strips_ + 1) / 2;
}

std::int64_t BFloat16Product::gated_tasks() const {
  return chunks() * count_parts(first_strip_[1], gated_group());
}

void BFloat16Product::run() {
  for (std::int64_t task = 0; task < preparation_tasks(); ++task) prepare(task);
  for (std::int64_t task = 0; task < tasks(); ++task) compute(task);
}

// What the next task begins with, most likely: the features behind these. None behind the last.
const BFloat16* BFloat16Product::following_weight(std::span<const Strip> strips) {
  const ProductOperand& operand = *strips.front().operand;
  const std::int64_t feature = strips.back().first + kStripFeatures;
  if (feature + kStripFeatures > operand.features) return nullptr;
  return operand.weight + feature * operand.weight_stride;
}

BFloat16Product::StripSums BFloat16Product::multiply_by_tiles(std::int64_t chunk,
                                                              std::span<const Strip> strips) const {
  const std::int64_t rows = rows_of(chunk);
  const std::int64_t strip_elements = count_parts(rows, 2 * kTileRows) * kPairSums;
  const StripSums sums{.first = provide_scratch(static_cast<std::size_t>(strip_elements) * strips.size()),
                       .strip_elements = strip_elements};
  const auto weight_of = [&](const Strip& strip, std::int64_t depth) {
    const ProductOperand& operand = *strip.operand;
    return operand.weight + first_computed(operand, strip.first) * operand.weight_stride + depth;
  };
  const std::int64_t block = rows < kFewestBlockedRows ? x_.depth : kDepthBlock;
  for (std::int64_t depth = 0; depth < x_.depth; depth += block) {
    const std::int64_t next_depth = depth + block < x_.depth ? depth + block : 0;
    for (std::size_t strip = 0; strip < strips.size(); ++strip) {
      TileTask task{.weight = weight_of(strips[strip], depth),
                    .weight_stride = strips[strip].operand->weight_stride,
                    .packed = packed_.at(chunk * chunk_rows(), depth),
                    .packed_stride = packed_.block_stride(),
                    .rows = rows,
                    .depth = std::min(block, x_.depth - depth),
                    .sums = sums.of(strip),
                    .goes_on = depth > 0};
      if (strip + 1 < strips.size()) {
        task.next_weight = weight_of(strips[strip + 1], depth);
        task.next_depth = task.depth;
      } else {
        task.next_weight = next_depth > 0 ? weight_of(strips.front(), next_depth) : following_weight(strips);
        task.next_depth = std::min(block, x_.depth - next_depth);
      }
      multiply_tiles(task);
    }
  }
  return sums;
}

void BFloat16Product::write_strip(const Strip& strip, std::int64_t rows, const float* sums) const {
  const auto& [operand, first, addend, output] = strip;
  const std::int64_t computed = first_computed(*operand, first);
  const std::int64_t skipped = first - computed;
  write_sums({.sums = sums,
              .bias = operand->bias == nullptr ? nullptr : operand->bias + computed,
              .rows = rows,
              .addend = addend == nullptr ? nullptr : addend - skipped,
              .addend_stride = operand->addend_stride,
              .output = output - skipped,
              .output_stride = operand->output_stride,
              .first_feature = skipped});
}

void BFloat16Product::multiply_by_dots(std::span<const Strip> strips) const {
  const auto& [operand, first, addend, output] = strips.front();
  const std::int64_t end = std::min(strips.back().first + kStripFeatures, operand->features);
  lacuna::multiply_by_dots({.weight = operand->weight + first * operand->weight_stride,
                            .weight_stride = operand->weight_stride,
                            .bias = operand->bias == nullptr ? nullptr : operand->bias + first,
                            .features = end - first,
                            .x = x_.x,
                            .x_stride = x_.stride,
                            .rows = x_.rows,
                            .depth = x_.depth,
                            .addend = addend,
                            .addend_stride = operand->addend_stride,
                            .output = output,
                            .output_stride = operand->output_stride});
}

BFloat16Product::StripList BFloat16Product::list_strips(std::int64_t task) const {
  const std::int64_t groups = count_parts(first_strip_.back(), group_strips_);
  StripList strips{.chunk = task / groups};
  const std::int64_t row = strips.chunk * chunk_rows();
  const std::int64_t begin = task % groups * group_strips_;
  for (std::int64_t strip = begin; strip < std::min(begin + group_strips_, first_strip_.back()); ++strip) {
    const auto after = std::upper_bound(first_strip_.begin(), first_strip_.end(), strip);
    const auto index = static_cast<std::size_t>(after - first_strip_.begin()) - 1;
    const ProductOperand& operand = operands_[index];
    const std::int64_t first = (strip - first_strip_[index]) * kStripFeatures;
    const auto move_to_strip = [&](auto* matrix, std::int64_t stride) {
      return matrix == nullptr ? nullptr : matrix + row * stride + first;
    };
    strips.add({.operand = &operand,
                .first = first,
                .addend = move_to_strip(operand.addend, operand.addend_stride),
                .output = move_to_strip(operand.output, operand.output_stride)});
  }
  return strips;
}

void BFloat16Product::compute(std::int64_t task) const {
  const StripList strips = list_strips(task);
  if (!uses_tiles_) {
    for (std::span<const Strip> rest = strips.all(); !rest.empty();) {
      const auto end = std::ranges::find_if(
          rest, [&](const Strip& strip) { return strip.operand != rest.front().operand; });
      const auto count = static_cast<std::size_t>(end - rest.begin());
      multiply_by_dots(rest.first(count));
      rest = rest.subspan(count);
    }
    return;
  }
  const StripSums sums = multiply_by_tiles(strips.chunk, strips.all());
  for (std::size_t i = 0; i < strips.count; ++i) {
    write_strip(strips.items[i], rows_of(strips.chunk), sums.of(i));
  }
}

bool BFloat16Product::supports_largest(ProductKernel kernel, const ProductRows& x,
                                       const ProductOperand& operand) {
  return kernel == ProductKernel::kAmx && x.rows > kFewRows && supports(kernel, x, {&operand, 1});
}

StripMaxima BFloat16Product::make_maxima() const {
  const std::int64_t rows = count_parts(x_.rows, kTileRows) * kTileRows;
  const auto count = static_cast<std::size_t>(first_strip_.back() * rows);
  return {.row_stride = rows,
          .values = std::make_unique_for_overwrite<float[]>(count),
          .features = std::make_unique_for_overwrite<std::int32_t[]>(count)};
}

void BFloat16Product::compute_largest(std::int64_t task, const StripMaxima& maxima) const {
  const StripList strips = list_strips(task);
  const StripSums sums = multiply_by_tiles(strips.chunk, strips.all());
  for (std::size_t i = 0; i < strips.count; ++i) {
    const Strip& strip = strips.items[i];
    const std::int64_t computed = first_computed(*strip.operand, strip.first);
    const std::int64_t place = strip.first / kStripFeatures * maxima.row_stride + strips.chunk * chunk_rows();
    find_largest_sums({.sums = sums.of(i),
                       .bias = strip.operand->bias == nullptr ? nullptr : strip.operand->bias + computed,
                       .rows = rows_of(strips.chunk),
                       .values = maxima.values.get() + place,
                       .features = maxima.features.get() + place});
  }
}

void BFloat16Product::merge_maxima(const StripMaxima& maxima, std::int64_t* positions) const {
  std::vector<float> largest(static_cast<std::size_t>(x_.rows), -INFINITY);
  std::fill_n(positions, x_.rows, 0);
  for (std::int64_t strip = 0; strip < first_strip_.back(); ++strip) {
    const std::int64_t first = first_computed(operands_.front(), strip * kStripFeatures);
    const float* const values = maxima.values.get() + strip * maxima.row_stride;
    const std::int32_t* const features = maxima.features.get() + strip * maxima.row_stride;
    for (std::int64_t row = 0; row < x_.rows; ++row) {
      float& most = largest[static_cast<std::size_t>(row)];
      if (!(values[row] > most)) continue;
      most = values[row];
      positions[row] = first + features[row];
    }
  }
}

void BFloat16Product::compute_gated(std::int64_t task, const PackedRows& gated) const {
  const std::int64_t groups = count_parts(first_strip_[1], gated_group());
  const std::int64_t chunk = task / groups;
  const std::int64_t begin = task % groups * gated_group();
  const std::int64_t end = std::min(begin + gated_group(), first_strip_[1]);
  StripList strips;
  for (std::int64_t strip = begin; strip < end; ++strip) {
    for (const ProductOperand& factor : operands_) {
      strips.add({.operand = &factor, .first = strip * kStripFeatures});
    }
  }
  const StripSums sums = multiply_by_tiles(chunk, strips.all());
  const auto bias_of = [&](std::size_t factor, std::int64_t first) {
    const BFloat16* const bias = operands_[factor].bias;
    return bias == nullptr ? nullptr : bias + first;
  };
  for (std::size_t i = 0; i < strips.count; i += 2) {
    const std::int64_t first = strips.items[i].first;
    write_gated({.gate = sums.of(i),
                 .up = sums.of(i + 1),
                 .gate_bias = bias_of(0, first),
                 .up_bias = bias_of(1, first),
                 .rows = rows_of(chunk),
                 .packed = gated.at(chunk * chunk_rows(), first),
                 .packed_stride = gated.block_stride()});
  }
}

}  // namespace lacuna
