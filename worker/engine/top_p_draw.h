// Draws from nucleus (top-p) distributions, without sorting the vocabulary where that can be avoided.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "worker/nn/kernels/top_p_choice.h"

namespace lacuna {

// One draw from row `row` of the logits; `noise` in [0, 1).
struct TopPDraw {
  std::int64_t row = 0;
  double noise = 0;
};

// The column that each draw falls on, as choose_top_p (worker/nn/kernels/top_p_choice.h) defines it. logits
// [n, vocabulary] of any floating dtype, on any device; the host waits for a device once.
std::vector<std::int64_t> draw_top_p(const at::Tensor& logits, std::span<const TopPDraw> draws,
                                     const TopPSettings& settings);

// The same in LibTorch's operators on the logits' device, one draw for each row: `noise` float64 [n] there ->
// int64 [n] there. bfloat16 logits are counted, not sorted; others are sorted (filter_top_p), with sums as
// exact as LibTorch's softmax.
at::Tensor draw_top_p_with_operators(const at::Tensor& logits, const at::Tensor& noise,
                                     const TopPSettings& settings);

}  // namespace lacuna
