#include "worker/engine/top_p_draw.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/worker/test_device.h"
#include "worker/engine/top_p_filter.h"

namespace lacuna {
namespace {

// The token that filter_top_p's distribution gives, or -1 if the noise is too near to a neighbour's to tell.
std::int64_t draw_from_filter(const at::Tensor& logits, const TopPDraw& draw, const TopPSettings& settings) {
  const FilteredDistribution filtered =
      filter_top_p(logits.narrow(0, draw.row, 1), settings.temperature, settings.top_p);
  const at::Tensor sums = at::cumsum(filtered.probabilities.to(at::kDouble), -1).squeeze(0);
  for (std::int64_t rank = 0; rank < sums.size(0); ++rank) {
    const double distance = sums[rank].item<double>() - draw.noise;
    if (std::abs(distance) < 1e-6) return -1;
    if (distance > 0) return filtered.sorted_ids[0][rank].item<std::int64_t>();
  }
  return -1;
}

at::Tensor make_logits(at::ScalarType dtype) {
  at::manual_seed(11);
  at::Tensor logits = at::randn({12, 301}) * at::tensor({0.1F, 1.0F, 4.0F}).repeat({4}).unsqueeze(1);
  logits.select(0, 3).fill_(-1.5);  // all equal, and no sum of them at the bound
  logits.select(0, 4).fill_(-0.0).narrow(0, 100, 50).fill_(0.0);
  return logits.to(testing::test_device(), dtype);
}

std::vector<TopPDraw> make_draws(std::int64_t rows) {
  std::vector<TopPDraw> draws;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (int step = 0; step < 20; ++step)
      draws.push_back({.row = row, .noise = std::fmod(0.618034 * static_cast<double>(row * 20 + step), 1.0)});
  }
  return draws;
}

class TopPDrawTest : public ::testing::TestWithParam<at::ScalarType> {};

TEST_P(TopPDrawTest, KernelsAndOperatorsDrawFromTheFilteredDistribution) {
  const at::NoGradGuard no_grad;
  const at::Tensor logits = make_logits(GetParam());
  const std::vector<TopPDraw> draws = make_draws(logits.size(0));
  for (const TopPSettings& settings :
       {TopPSettings{.temperature = 0.6, .top_p = 0.9}, TopPSettings{.temperature = 1.0, .top_p = 0.4}}) {
    const std::vector<std::int64_t> by_kernels = draw_top_p(logits, draws, settings);
    std::vector<double> noise;
    std::vector<std::int64_t> rows;
    for (const TopPDraw& draw : draws) {
      rows.push_back(draw.row);
      noise.push_back(draw.noise);
    }
    const at::Tensor by_operators =
        draw_top_p_with_operators(logits.index_select(0, at::tensor(rows).to(logits.device())),
                                  at::tensor(noise, at::kDouble).to(logits.device()), settings);
    int compared = 0;
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const std::int64_t expected = draw_from_filter(logits, draws[i], settings);
      if (expected < 0) continue;
      ++compared;
      EXPECT_EQ(by_kernels[i], expected) << "row " << draws[i].row << ", noise " << draws[i].noise;
      EXPECT_EQ(by_operators[static_cast<std::int64_t>(i)].item<std::int64_t>(), expected)
          << "row " << draws[i].row << ", noise " << draws[i].noise;
    }
    EXPECT_GT(compared, 200);
  }
}

TEST_P(TopPDrawTest, WhatIsNoFiniteNumberIsHandledAlike) {
  const at::NoGradGuard no_grad;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const at::Tensor logits = at::tensor({NAN, -kInfinity, 1.0F, NAN,   //
                                        1.0F, kInfinity, 0.0F, 2.0F,  //
                                        -kInfinity, -kInfinity, -kInfinity, -kInfinity})
                                .view({3, 4})
                                .to(testing::test_device(), GetParam());
  const at::Tensor by_operators = draw_top_p_with_operators(
      logits, at::full({3}, 0.5, at::TensorOptions().dtype(at::kDouble).device(logits.device())), {});
  const std::vector<TopPDraw> draws = {{0, 0.5}, {1, 0.5}, {2, 0.5}};
  const std::vector<std::int64_t> drawn = draw_top_p(logits, draws, {});
  const std::vector<std::int64_t> expected = {2, 1, 0};
  EXPECT_EQ(drawn, expected);
  EXPECT_EQ(by_operators[0].item<std::int64_t>(), 2);
  EXPECT_EQ(by_operators[1].item<std::int64_t>(), 1);
}

// On the CPU what does not fit the kernels takes the way of a GPU.
TEST_P(TopPDrawTest, RowsThatKernelsDoNotTakeAreDrawnByOperators) {
  const at::NoGradGuard no_grad;
  const at::Tensor logits = make_logits(GetParam());
  const at::Tensor strided = at::cat({logits, logits}, 1).narrow(1, 0, logits.size(1));
  const std::vector<TopPDraw> draws = make_draws(logits.size(0));
  const TopPSettings settings{.temperature = 0.6, .top_p = 0.9};
  EXPECT_EQ(draw_top_p(strided, draws, settings), draw_top_p(logits, draws, settings));
}

INSTANTIATE_TEST_SUITE_P(Types, TopPDrawTest, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return info.param == at::kFloat ? "Float32" : "BFloat16"; });

}  // namespace
}  // namespace lacuna
