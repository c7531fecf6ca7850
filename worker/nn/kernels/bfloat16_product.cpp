#include "worker/nn/kernels/bfloat16_product.h"

#include <algorithm>

#include "worker/nn/kernels/amx_tiles.h"
#include "worker/nn/kernels/avx512_dots.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {
namespace {

static_assert(kDepthStep == kTileDepth);

// Of x, in a core's second-level cache (1 to 2 MiB where there is AMX) beside a strip of weights.
constexpr std::int64_t kChunkBytes = std::int64_t{3} << 19U;

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

BFloat16Product::BFloat16Product(ProductKernel kernel, const ProductRows& x,
                                 std::span<const ProductOperand> operands)
    : uses_tiles_(kernel == ProductKernel::kAmx && x.rows > kFewRows),
      x_(x),
      operands_(operands.begin(), operands.end()) {
  std::int64_t strips = 0;
  for (const ProductOperand& operand : operands_) {
    first_strip_.push_back(strips);
    strips += (operand.features + kStripFeatures - 1) / kStripFeatures;
  }
  first_strip_.push_back(strips);
  if (!uses_tiles_) return;
  const std::int64_t elements = preparation_tasks() * kTileRows * x.depth;
  packed_ = std::make_unique_for_overwrite<BFloat16[]>(static_cast<std::size_t>(elements));
}

std::int64_t BFloat16Product::chunk_rows() const {
  const std::int64_t pair = 2 * kTileRows;
  const std::int64_t fitting = std::max(pair, kChunkBytes / (x_.depth * 2) / pair * pair);
  // Chunks of equal size: every one reads all of the weights.
  const std::int64_t chunks = (x_.rows + fitting - 1) / fitting;
  return (x_.rows + chunks * pair - 1) / (chunks * pair) * pair;
}

std::int64_t BFloat16Product::preparation_tasks() const {
  return uses_tiles_ ? (x_.rows + kTileRows - 1) / kTileRows : 0;
}

void BFloat16Product::prepare(std::int64_t task) {
  const std::int64_t row = task * kTileRows;
  pack_rows(x_.x + row * x_.stride, x_.stride, std::min(kTileRows, x_.rows - row), x_.depth,
            packed_.get() + row * x_.depth);
}

std::int64_t BFloat16Product::chunks() const {
  return uses_tiles_ ? (x_.rows + chunk_rows() - 1) / chunk_rows() : 1;
}

std::int64_t BFloat16Product::rows_of(std::int64_t chunk) const {
  return uses_tiles_ ? std::min(chunk_rows(), x_.rows - chunk * chunk_rows()) : x_.rows;
}

std::int64_t BFloat16Product::tasks() const {
  return chunks() * first_strip_.back();
}

std::int64_t BFloat16Product::gated_tasks() const {
  return chunks() * first_strip_[1];
}

void BFloat16Product::run() {
  for (std::int64_t task = 0; task < preparation_tasks(); ++task) prepare(task);
  for (std::int64_t task = 0; task < tasks(); ++task) compute(task);
}

void BFloat16Product::compute_strip(const ProductOperand& operand, std::int64_t chunk, std::int64_t wanted,
                                    BFloat16* output, std::int64_t output_stride) const {
  if (!uses_tiles_) {
    multiply_by_dots({.weight = operand.weight + wanted * operand.weight_stride,
                      .weight_stride = operand.weight_stride,
                      .bias = operand.bias == nullptr ? nullptr : operand.bias + wanted,
                      .features = std::min(kStripFeatures, operand.features - wanted),
                      .x = x_.x,
                      .x_stride = x_.stride,
                      .rows = x_.rows,
                      .depth = x_.depth,
                      .output = output,
                      .output_stride = output_stride});
    return;
  }
  // The last strip begins earlier where features run out, and writes only what is its own.
  const std::int64_t feature = std::min(wanted, operand.features - kStripFeatures);
  multiply_strip({.weight = operand.weight + feature * operand.weight_stride,
                  .weight_stride = operand.weight_stride,
                  .bias = operand.bias == nullptr ? nullptr : operand.bias + feature,
                  .packed = packed_.get() + chunk * chunk_rows() * x_.depth,
                  .rows = rows_of(chunk),
                  .depth = x_.depth,
                  .output = output - (wanted - feature),
                  .output_stride = output_stride,
                  .first_feature = wanted - feature});
}

void BFloat16Product::compute(std::int64_t task) const {
  const std::int64_t chunk = task / first_strip_.back();
  const std::int64_t strip = task % first_strip_.back();
  const auto after = std::upper_bound(first_strip_.begin(), first_strip_.end(), strip);
  const auto index = static_cast<std::size_t>(after - first_strip_.begin()) - 1;
  const ProductOperand& operand = operands_[index];
  const std::int64_t wanted = (strip - first_strip_[index]) * kStripFeatures;
  compute_strip(operand, chunk, wanted,
                operand.output + chunk * chunk_rows() * operand.output_stride + wanted,
                operand.output_stride);
}

void BFloat16Product::compute_gated(std::int64_t task) const {
  const std::int64_t strips = first_strip_[1];
  const std::int64_t chunk = task / strips;
  const std::int64_t wanted = task % strips * kStripFeatures;
  const std::int64_t rows = rows_of(chunk);
  // A strip of spare room before each: where the last strip begins earlier, its output seems to.
  const std::int64_t room = rows * kStripFeatures + kStripFeatures;
  const auto scratch = std::make_unique_for_overwrite<BFloat16[]>(static_cast<std::size_t>(2 * room));
  BFloat16* const gate = scratch.get() + kStripFeatures;
  BFloat16* const up = gate + room;
  compute_strip(operands_[0], chunk, wanted, gate, kStripFeatures);
  compute_strip(operands_[1], chunk, wanted, up, kStripFeatures);
  const std::int64_t features = std::min(kStripFeatures, operands_[0].features - wanted);
  BFloat16* output = operands_[0].output + chunk * chunk_rows() * operands_[0].output_stride + wanted;
  for (std::int64_t row = 0; row < rows; ++row, output += operands_[0].output_stride) {
    apply_silu_gate(gate + row * kStripFeatures, up + row * kStripFeatures, features, output);
  }
}

}  // namespace lacuna
