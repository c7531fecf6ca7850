#include "worker/nn/linear.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <optional>
#include <span>

#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/bfloat16_product.h"
#include "worker/nn/kernels/row_kernels.h"

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

// The kernels' view of a product of x with several weights. None if they cannot compute it.
struct KernelProduct {
  std::vector<at::Tensor> outputs;  // one for each weight; for a gated product the first alone
  std::optional<BFloat16Product> product;
  std::int64_t multiply_adds = 0;

  void prepare() {
    run_tiles(at::kCPU, product->preparation_tasks(), outputs.front().size(0) * outputs.front().size(1),
              [&](std::int64_t task) { product->prepare(task); });
  }
  void run() {
    prepare();
    run_tiles(at::kCPU, product->tasks(), multiply_adds, [&](std::int64_t task) { product->compute(task); });
  }
};

std::optional<KernelProduct> plan_kernel_product(const at::Tensor& x, std::span<const Linear* const> linears,
                                                 bool gated, const at::Tensor& addend = {}) {
  if (!fits_kernels(x) || x.scalar_type() != at::kBFloat16) return std::nullopt;
  KernelProduct plan;
  std::vector<ProductOperand> operands;
  std::int64_t features = 0;
  for (const Linear* const linear : linears) {
    if (linear->weight.stride(1) != 1) return std::nullopt;
    if (!gated || plan.outputs.empty()) {
      plan.outputs.push_back(at::empty({x.size(0), linear->weight.size(0)}, x.options()));
    }
    operands.push_back(make_operand(linear->weight, linear->bias, plan.outputs.back()));
    if (addend.defined()) {
      operands.back().addend = elements_of<BFloat16>(addend);
      operands.back().addend_stride = addend.stride(0);
    }
    features += linear->weight.size(0);
  }
  const ProductRows rows = make_rows(x);
  const ProductKernel kernel = best_product_kernel();
  if (!BFloat16Product::supports(kernel, rows, operands)) return std::nullopt;
  plan.product.emplace(kernel, rows, operands, at::get_num_threads());
  // A weight that is fetched from memory counts for as much as several multiply-adds.
  constexpr std::int64_t kFetchCost = 16;
  plan.multiply_adds = (rows.rows + kFetchCost) * features * rows.depth;
  return plan;
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

at::Tensor Linear::forward_added(const at::Tensor& x, const at::Tensor& addend) const {
  const Linear* const linears[] = {this};
  if (fits_kernels(addend) && addend.scalar_type() == x.scalar_type()) {
    if (auto plan = plan_kernel_product(x, linears, /*gated=*/false, addend)) {
      plan->run();
      return plan->outputs.front();
    }
  }
  return addend + forward(x);
}

std::vector<at::Tensor> forward_together(const at::Tensor& x, std::initializer_list<const Linear*> linears) {
  if (auto plan = plan_kernel_product(x, {linears.begin(), linears.size()}, /*gated=*/false)) {
    plan->run();
    return std::move(plan->outputs);
  }
  std::vector<at::Tensor> products;
  for (const Linear* const linear : linears) {
    const bool in_tiles = x.device().is_cpu() && !at::GradMode::is_enabled();
    products.push_back(in_tiles ? multiply_in_tiles(x, linear->weight, linear->bias)
                                : at::linear(x, linear->weight, linear->bias));
  }
  return products;
}

at::Tensor forward_gated(const at::Tensor& x, const Linear& gate, const Linear& up) {
  const Linear* const linears[] = {&gate, &up};
  // With a few rows nothing is gained from the cache, and each weight is best read from its begin to its end.
  auto plan = x.size(0) > kFewRows ? plan_kernel_product(x, linears, /*gated=*/true) : std::nullopt;
  if (plan) {
    plan->prepare();
    run_tiles(x.device(), plan->product->gated_tasks(), plan->multiply_adds,
              [&](std::int64_t task) { plan->product->compute_gated(task); });
    return plan->outputs.front();
  }
  const std::vector<at::Tensor> factors = forward_together(x, {&gate, &up});
  if (!fits_kernels(factors[0])) return at::silu(factors[0]) * factors[1];
  at::Tensor gated = at::empty_like(factors[0]);
  const std::int64_t width = gated.size(1);
  with_kernel_type(gated.scalar_type(), [&]<class T>(T) {
    run_row_blocks(gated.size(0), 32 * width, [&](std::int64_t first, std::int64_t count) {
      apply_silu_gate(elements_of<T>(factors[0]) + first * width, elements_of<T>(factors[1]) + first * width,
                      count * width, elements_of<T>(gated) + first * width);
    });
  });
  return gated;
}

}  // namespace lacuna
