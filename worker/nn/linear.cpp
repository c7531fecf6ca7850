#include "worker/nn/linear.h"

#include <algorithm>

#include "worker/nn/compute_threads.h"

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

}  // namespace

at::Tensor Linear::forward(const at::Tensor& x) const {
  if (!x.device().is_cpu() || at::GradMode::is_enabled()) return at::linear(x, weight, bias);
  return multiply_in_tiles(x, weight, bias);
}

}  // namespace lacuna
