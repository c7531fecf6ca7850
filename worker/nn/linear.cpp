#include "worker/nn/linear.h"

#include <algorithm>
#include <span>

#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/bfloat16_product.h"

namespace lacuna {
namespace {

// Large enough for the product of a tile to run near the peak rate, small enough to feed many threads.
constexpr std::int64_t kTileTokens = 512;
constexpr std::int64_t kTileFeatures = 512;

std::int64_t count_tiles(std::int64_t extent, std::int64_t tile) {
  return (extent + tile - 1) / tile;
}

at::Tensor multiply_in_tiles(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const std::int64_t tokens = x.size(0);
  const std::int64_t features = weight.size(0);
  const std::int64_t feature_tiles = count_tiles(features, kTileFeatures);
  at::Tensor y = at::empty({tokens, features}, x.options());
  const std::int64_t tiles = count_tiles(tokens, kTileTokens) * feature_tiles;
  run_tiles(x.device(), tiles, tokens * features * x.size(1), [&](std::int64_t tile) {
    const std::int64_t token = (tile / feature_tiles) * kTileTokens;
    const std::int64_t feature = (tile % feature_tiles) * kTileFeatures;
    const std::int64_t token_count = std::min(kTileTokens, tokens - token);
    const std::int64_t feature_count = std::min(kTileFeatures, features - feature);
    at::Tensor bias_tile;
    if (bias.defined()) bias_tile = bias.narrow(0, feature, feature_count);
    y.narrow(0, token, token_count)
        .narrow(1, feature, feature_count)
        .copy_(
            at::linear(x.narrow(0, token, token_count), weight.narrow(0, feature, feature_count), bias_tile));
  });
  return y;
}

ProductOperand make_operand(const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& product) {
  return {.weight = elements_of<BFloat16>(weight),
          .weight_stride = weight.stride(0),
          .bias = bias.defined() ? elements_of<BFloat16>(bias) : nullptr,
          .output = elements_of<BFloat16>(product),
          .output_stride = product.stride(0),
          .features = weight.size(0)};
}

ProductRows make_rows(const at::Tensor& x) {
  return {.x = elements_of<BFloat16>(x), .stride = x.stride(0), .rows = x.size(0), .depth = x.size(1)};
}

// Through our own kernels where they can; empty if they can't.
std::vector<at::Tensor> multiply_with_kernels(const at::Tensor& x, std::span<const Linear* const> linears) {
  if (!fits_kernels(x) || x.scalar_type() != at::kBFloat16) return {};
  std::vector<at::Tensor> products;
  std::vector<ProductOperand> operands;
  std::int64_t features = 0;
  for (const Linear* const linear : linears) {
    if (linear->weight.stride(1) != 1) return {};
    products.push_back(at::empty({x.size(0), linear->weight.size(0)}, x.options()));
    operands.push_back(make_operand(linear->weight, linear->bias, products.back()));
    features += linear->weight.size(0);
  }
  const ProductRows rows = make_rows(x);
  const ProductKernel kernel = best_product_kernel();
  if (!BFloat16Product::supports(kernel, rows, operands)) return {};
  BFloat16Product product(kernel, rows, operands);
  run_tiles(x.device(), product.preparation_tasks(), rows.rows * rows.depth,
            [&](std::int64_t task) { product.prepare(task); });
  // A weight that is fetched from memory counts for as much as several multiply-adds.
  constexpr std::int64_t kFetchCost = 16;
  run_tiles(x.device(), product.tasks(), (rows.rows + kFetchCost) * features * rows.depth,
            [&](std::int64_t task) { product.compute(task); });
  return products;
}

}  // namespace

void multiply_into(const at::Tensor& product, const at::Tensor& x, const at::Tensor& weight) {
  if (x.scalar_type() == at::kBFloat16 && x.device().is_cpu()) {
    const ProductOperand operand = make_operand(weight, {}, product);
    const ProductKernel kernel = best_product_kernel();
    if (BFloat16Product::supports(kernel, make_rows(x), {&operand, 1})) {
      BFloat16Product(kernel, make_rows(x), {&operand, 1}).run();
      return;
    }
  }
  product.copy_(at::linear(x, weight));
}

at::Tensor Linear::forward(const at::Tensor& x) const {
  return forward_together(x, {this}).front();
}

std::vector<at::Tensor> forward_together(const at::Tensor& x, std::initializer_list<const Linear*> linears) {
  std::vector<at::Tensor> products = multiply_with_kernels(x, {linears.begin(), linears.size()});
  if (!products.empty()) return products;
  for (const Linear* const linear : linears) {
    const bool in_tiles = x.device().is_cpu() && !at::GradMode::is_enabled();
    products.push_back(in_tiles ? multiply_in_tiles(x, linear->weight, linear->bias)
                                : at::linear(x, linear->weight, linear->bias));
  }
  return products;
}

}  // namespace lacuna
