// Golden numbers of one reference checkpoint and the checkpoint itself.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "results/hdf5_file.h"
#include "tests/reference_files.h"
#include "tests/worker/engine/decision_comparison.h"
#include "tests/worker/test_device.h"
#include "worker/engine/generator.h"
#include "worker/models/load_model.h"
#include "worker/nn/compute_threads.h"

namespace lacuna::testing {

struct GoldenModel {
  std::string name;
  Hdf5File file;
  LoadedModel loaded;
  std::vector<double> alphas;

  template <class T>
  [[nodiscard]] std::vector<T> read(const std::string& path) const {
    return file.read<T>(path).values;
  }
};

inline std::filesystem::path golden_path(const std::string& model) {
  return "reference/golden/" + model + ".h5";
}

inline GoldenModel open_golden(const std::string& model, DataType dtype = DataType::kFloat32) {
  set_compute_threads(2);
  Hdf5File file = Hdf5File::open(reference_root() / golden_path(model));
  std::vector<double> alphas = file.read_attribute<double>("/", "alphas").values;
  return {model, std::move(file),
          load_model(reference_root() / "reference/models" / model, dtype, test_device()), std::move(alphas)};
}

inline std::vector<TokenId> to_tokens(const std::vector<std::int32_t>& ids) {
  return {reinterpret_cast<const TokenId*>(ids.data()),
          reinterpret_cast<const TokenId*>(ids.data()) + ids.size()};
}

inline float largest_difference(std::span<const float> ours, std::span<const float> golden) {
  EXPECT_EQ(ours.size(), golden.size());
  float largest = 0;
  for (std::size_t index = 0; index < std::min(ours.size(), golden.size()); ++index) {
    // Written so that a NaN counts as a difference.
    const float difference = std::abs(ours[index] - golden[index]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

// The values of a float32 tensor on any device.
inline std::vector<float> to_floats(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kCPU).contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

inline std::vector<std::int32_t> exit_layers(const TraceRows& rows, std::int64_t set) {
  std::vector<std::int32_t> layers;
  for (std::int64_t token = 0; token < rows.tokens; ++token)
    layers.push_back(rows.exit_layer(token, set).value());
  return layers;
}

// Column 1 .. L of the norms: those after each layer.
inline std::vector<float> layer_norms(const TraceRows& rows) {
  std::vector<float> norms;
  for (std::int64_t token = 0; token < rows.tokens; ++token) {
    const auto begin = rows.norms.begin() + token * (rows.layers + 1) + 1;
    norms.insert(norms.end(), begin, begin + rows.layers);
  }
  return norms;
}

// Row `index` of a golden array whose first axis has `count` entries.
template <class T>
std::vector<T> slice(const std::vector<T>& values, std::size_t index, std::size_t count) {
  const std::size_t size = values.size() / count;
  return {values.begin() + static_cast<std::ptrdiff_t>(index * size),
          values.begin() + static_cast<std::ptrdiff_t>((index + 1) * size)};
}

inline GeneratorOptions make_golden_options(const GoldenModel& golden, LacMode mode, std::int64_t steps) {
  GeneratorOptions options;
  options.stream = mode == LacMode::kPropagate ? StreamKind::kPropagate : StreamKind::kShared;
  options.alphas = golden.alphas;
  options.max_new_tokens = steps + 1;
  options.keep_logits = true;
  if (mode == LacMode::kTrace) {
    options.branches = {{.mode = mode, .alpha = std::nullopt}};
  } else {
    for (std::size_t alpha = 0; alpha < golden.alphas.size(); ++alpha) {
      options.branches.push_back({.mode = mode, .alpha = AlphaIndex(static_cast<std::int32_t>(alpha))});
    }
  }
  return options;
}

}  // namespace lacuna::testing
