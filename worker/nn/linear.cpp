#include "worker/nn/linear.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>

#include "worker/nn/compute_threads.h"
#include "worker/nn/kernel_product.h"

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

at::Tensor multiply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const bool in_tiles = x.device().is_cpu() && !at::GradMode::is_enabled();
  return in_tiles ? multiply_in_tiles(x, weight, bias) : at::linear(x, weight, bias);
}

// Parts that lie behind each other in one tensor, contiguous, as that one; undefined if they do not.
at::Tensor find_joint(std::initializer_list<const Linear*> linears, at::Tensor Linear::*part) {
  const at::Tensor& first = (*linears.begin())->*part;
  if (!first.defined()) return {};
  std::int64_t rows = 0;
  for (const Linear* const linear : linears) {
    const at::Tensor& tensor = linear->*part;
    const bool follows = tensor.defined() && tensor.is_alias_of(first) && tensor.is_contiguous() &&
                         tensor.storage_offset() == first.storage_offset() + rows * first.stride(0);
    if (!follows) return {};
    rows += tensor.size(0);
  }
  std::vector<std::int64_t> sizes = first.sizes().vec();
  sizes[0] = rows;
  return first.as_strided(sizes, first.strides());
}

// The products as columns of one, or none if the weights are not joined.
std::vector<at::Tensor> multiply_joined(const at::Tensor& x, std::initializer_list<const Linear*> linears) {
  if (linears.size() < 2) return {};
  const at::Tensor weight = find_joint(linears, &Linear::weight);
  if (!weight.defined()) return {};
  const at::Tensor bias = find_joint(linears, &Linear::bias);
  const bool has_bias = std::any_of(linears.begin(), linears.end(),
                                    [](const Linear* linear) { return linear->bias.defined(); });
  if (has_bias != bias.defined()) return {};  // only some have one
  const at::Tensor product = multiply(x, weight, bias);
  std::vector<at::Tensor> columns;
  std::int64_t first = 0;
  for (const Linear* const linear : linears) {
    columns.push_back(product.narrow(1, first, linear->weight.size(0)));
    first += linear->weight.size(0);
  }
  return columns;
}

void join_parts(std::initializer_list<Linear*> linears, at::Tensor Linear::*part) {
  std::vector<at::Tensor> parts;
  for (const Linear* const linear : linears) {
    if (!(linear->*part).defined()) return;
    parts.push_back(linear->*part);
  }
  const at::Tensor joint = at::cat(parts);
  std::int64_t first = 0;
  for (Linear* const linear : linears) {
    const std::int64_t rows = (linear->*part).size(0);
    linear->*part = joint.narrow(0, first, rows);
    first += rows;
  }
}

}  // namespace

void join_weights(std::initializer_list<Linear*> linears) {
  join_parts(linears, &Linear::weight);
  join_parts(linears, &Linear::bias);
}

void multiply_into(const at::Tensor& product, const at::Tensor& x, const at::Tensor& weight) {
  if (!multiply_with_kernels_into(product, x, weight)) product.copy_(at::linear(x, weight));
}

at::Tensor Linear::forward(const at::Tensor& x) const {
  return forward_together(x, {this}).front();
}

at::Tensor Linear::forward_added(const at::Tensor& x, const at::Tensor& addend) const {
  const Linear* const linears[] = {this};
  if (auto sums = multiply_with_kernels(x, linears, addend)) return std::move(sums->front());
  return addend + forward(x);
}

std::vector<at::Tensor> forward_together(const at::Tensor& x, std::initializer_list<const Linear*> linears) {
  if (auto products = multiply_with_kernels(x, {linears.begin(), linears.size()}))
    return std::move(*products);
  std::vector<at::Tensor> products = multiply_joined(x, linears);
  if (!products.empty()) return products;
  for (const Linear* const linear : linears) products.push_back(multiply(x, linear->weight, linear->bias));
  return products;
}

}  // namespace lacuna
