#include "bench/random_model.h"

#include <c10/util/accumulate.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "core/error.h"
#include "worker/models/load_model.h"
#include "worker/nn/compute_threads.h"
#include "worker/nn/weight_arena.h"

namespace lacuna {
namespace {

struct NamedShape {
  std::string_view name;
  Architecture shape;
};

// What the config.json of each model says. "tiny" is nobody's: it lets tests run the benchmark in seconds.
const std::vector<NamedShape>& known_shapes() {
  static const std::vector<NamedShape> shapes = {
      {"qwen2.5-0.5b",
       {.family = "qwen2",
        .layers = 24,
        .hidden = 896,
        .heads = 14,
        .kv_heads = 2,
        .head_dim = 64,
        .intermediate = 4864,
        .vocabulary = 151936,
        .max_positions = 32768,
        .rope_theta = 1e6,
        .rope_scaling = std::nullopt,
        .tied_head = true,
        .qkv_bias = true}},
      {"qwen2.5-7b",
       {.family = "qwen2",
        .layers = 28,
        .hidden = 3584,
        .heads = 28,
        .kv_heads = 4,
        .head_dim = 128,
        .intermediate = 18944,
        .vocabulary = 152064,
        .max_positions = 32768,
        .rope_theta = 1e6,
        .rope_scaling = std::nullopt,
        .qkv_bias = true}},
      {"mistral-7b",
       {.family = "mistral",
        .layers = 32,
        .hidden = 4096,
        .heads = 32,
        .kv_heads = 8,
        .head_dim = 128,
        .intermediate = 14336,
        .vocabulary = 32768,
        .max_positions = 32768,
        .rms_norm_epsilon = 1e-5,
        .rope_theta = 1e6,
        .rope_scaling = std::nullopt}},
      {"llama-3-8b",
       {.family = "llama",
        .layers = 32,
        .hidden = 4096,
        .heads = 32,
        .kv_heads = 8,
        .head_dim = 128,
        .intermediate = 14336,
        .vocabulary = 128256,
        .max_positions = 8192,
        .rms_norm_epsilon = 1e-5,
        .rope_theta = 5e5,
        .rope_scaling = std::nullopt}},
      {"tiny",
       {.family = "qwen2",
        .layers = 4,
        .hidden = 64,
        .heads = 4,
        .kv_heads = 2,
        .head_dim = 16,
        .intermediate = 160,
        .vocabulary = 512,
        .max_positions = 4096,
        .rope_scaling = std::nullopt,
        .tied_head = true,
        .qkv_bias = true}},
  };
  return shapes;
}

// Steele et al. 2014: one addition and a mixing function, so chunks can start anywhere.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

 private:
  std::uint64_t state_;
};

// The sum of four uniform 16-bit numbers of one draw: near enough to normal, and a draw costs a nanosecond.
void fill_normal_like(std::span<float> values, double deviation, std::uint64_t seed) {
  SplitMix64 random(seed);
  const double uniform_deviation = 65536.0 / std::sqrt(12.0);
  const auto scale = static_cast<float>(deviation / (2.0 * uniform_deviation));
  constexpr float kMean = 4.0F * 65535.0F / 2.0F;
  for (float& value : values) {
    const std::uint64_t bits = random.next();
    const std::uint64_t sum =
        (bits & 0xffffU) + ((bits >> 16U) & 0xffffU) + ((bits >> 32U) & 0xffffU) + (bits >> 48U);
    value = (static_cast<float>(sum) - kMean) * scale;
  }
}

at::Tensor draw_weight(WeightArena& arena, const std::vector<std::int64_t>& shape, at::ScalarType dtype,
                       const at::Device& device, std::uint64_t seed) {
  constexpr double kDeviation = 0.02;
  constexpr std::int64_t kChunk = std::int64_t{1} << 18U;
  if (!device.is_cpu()) {
    return at::empty(shape, at::TensorOptions().dtype(dtype).device(device)).normal_(0, kDeviation);
  }
  at::Tensor weight = arena.allocate(shape, dtype);
  const at::Tensor flat = weight.view({-1});
  const std::int64_t count = flat.numel();
  run_tiles(device, (count + kChunk - 1) / kChunk, 8 * count, [&](std::int64_t chunk) {
    const std::int64_t size = std::min(kChunk, count - chunk * kChunk);
    const at::Tensor values = at::empty({size}, at::kFloat);
    fill_normal_like({values.data_ptr<float>(), static_cast<std::size_t>(size)}, kDeviation,
                     (seed << 32U) + static_cast<std::uint64_t>(chunk));
    flat.narrow(0, chunk * kChunk, size).copy_(values);
  });
  return weight;
}

}  // namespace

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const NamedShape& known : known_shapes()) names.emplace_back(known.name);
  return names;
}

Architecture find_shape(std::string_view name) {
  for (const NamedShape& known : known_shapes()) {
    if (known.name == name) return known.shape;
  }
  throw InputError({.problem = fmt::format("there is no shape '{}'", name),
                    .suggestion = fmt::format("known are {}", fmt::join(shape_names(), ", "))});
}

CausalLm make_random_model(const Architecture& shape, at::ScalarType dtype, const at::Device& device) {
  CausalLm model = assemble_model(shape);
  WeightArena arena;
  std::uint64_t seed = 1;
  visit_weights(
      model, [&](const std::string& name, const std::vector<std::int64_t>& weight_shape, at::Tensor& weight) {
        if (name.ends_with("norm.weight")) {
          weight = at::ones(weight_shape, at::TensorOptions().dtype(dtype).device(device));
        } else {
          weight = draw_weight(arena, weight_shape, dtype, device, seed);
        }
        ++seed;
      });
  if (!device.is_cpu()) join_projections(model);
  if (shape.tied_head) model.head.weight = model.embedding;
  return model;
}

std::int64_t count_streamed_bytes(CausalLm& model) {
  const bool tied = model.architecture.tied_head;
  std::int64_t bytes = 0;
  visit_weights(model, [&](const std::string& name, const std::vector<std::int64_t>& shape, at::Tensor&) {
    if (name == "model.embed_tokens.weight" && !tied) return;
    bytes += c10::multiply_integers(shape) * static_cast<std::int64_t>(c10::elementSize(model.dtype()));
  });
  return bytes;
}

std::vector<TokenId> draw_tokens(std::int64_t vocabulary, std::int64_t count, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<TokenId> tokens;
  for (std::int64_t i = 0; i < count; ++i) {
    tokens.emplace_back(static_cast<std::int32_t>(random.next() % static_cast<std::uint64_t>(vocabulary)));
  }
  return tokens;
}

}  // namespace lacuna
