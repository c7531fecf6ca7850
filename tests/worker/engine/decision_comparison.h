// Decisions of float32 runs against golden ones, with the margins by which they were made.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "core/records.h"

namespace lacuna::testing {

// Correct float32 implementations of the reference's models differ by up to 4.7e-5 in norms of up to 43
// (reference/README.md): 1.1e-6 of the norm, 18 roundings. A layer's growth is the difference of two norms,
// the range of growths is made of four, and alpha is below 1: |growth - alpha * range| moves by at most six
// such errors. A decision with a larger margin than that has to be the same whatever the order of the sums.
inline constexpr double kNormError = 1.1e-6;
inline constexpr double kExplainedMargin = 6 * kNormError;

// One byte a layer, 1 active, as the golden files have it.
inline std::vector<std::uint8_t> unpack(const TraceRows& rows, std::int64_t set) {
  std::vector<std::uint8_t> bytes;
  for (std::int64_t token = 0; token < rows.tokens; ++token) {
    for (std::int64_t layer = 0; layer < rows.layers; ++layer) {
      bytes.push_back(rows.is_active(token, set, layer) ? 1 : 0);
    }
  }
  return bytes;
}

// |growth - alpha * range| of every decision of set `set`, in relation to the largest norm that it was made
// from; in the order of unpack. `carries`: a void layer's norm is not what the next layer's growth starts
// from (propagate).
inline std::vector<double> relative_margins(const TraceRows& rows, std::int64_t set, double alpha,
                                            bool carries) {
  std::vector<double> margins;
  for (std::int64_t token = 0; token < rows.tokens; ++token) {
    const float* const norms = rows.norms.data() + token * (rows.layers + 1);
    double carried = norms[0];
    double largest_norm = carried;
    double most = -std::numeric_limits<double>::infinity();
    double least = std::numeric_limits<double>::infinity();
    for (std::int64_t layer = 0; layer < rows.layers; ++layer) {
      const double candidate = norms[layer + 1];
      const double growth = candidate - carried;
      largest_norm = std::max(largest_norm, candidate);
      const double range = layer == 0 ? 0 : most - least;
      margins.push_back(std::abs(growth - alpha * range) / largest_norm);
      most = std::max(most, growth);
      least = std::min(least, growth);
      if (!carries || rows.is_active(token, set, layer)) carried = candidate;
    }
  }
  return margins;
}

class DecisionComparison {
 public:
  // `device`: where the decisions were computed.
  DecisionComparison(std::string what, const at::Device& device) : what_(std::move(what)), device_(device) {}
  // On a GPU the margins are shown.
  ~DecisionComparison() {
    if (device_.is_cpu() || decisions_ == 0) return;
    std::printf("%s on %s: %zu decisions, %zu differ, smallest margin %.2g of the norm (explained: %.2g)\n",
                what_.c_str(), device_.str().c_str(), decisions_, different_, smallest_, kExplainedMargin);
  }
  DecisionComparison(const DecisionComparison&) = delete;
  DecisionComparison& operator=(const DecisionComparison&) = delete;

  // Decision set `set` of `rows`, made with `alpha`, against `golden` [tokens x layers]. `mode`: in which the
  // states came about that they were made from (trace for the prompt of any shared stream). On the CPU all
  // have to be equal. On a GPU, which adds in another order, one that differs is printed with its margin, and
  // is a failure if float32 does not explain it; in exit and propagate what comes after may follow from it.
  // -> whether all are equal; if not, what comes of the decisions cannot be compared.
  bool compare(const TraceRows& rows, std::int64_t set, const std::vector<std::uint8_t>& golden, double alpha,
               LacMode mode) {
    const std::vector<std::uint8_t> ours = unpack(rows, set);
    const std::vector<double> margins = relative_margins(rows, set, alpha, mode == LacMode::kPropagate);
    EXPECT_EQ(ours.size(), golden.size()) << what_;
    if (ours.size() != golden.size()) return false;
    decisions_ += ours.size();
    for (const double margin : margins) smallest_ = std::min(smallest_, margin);
    if (device_.is_cpu()) {
      EXPECT_EQ(ours, golden) << what_ << " alpha " << alpha;
      return ours == golden;
    }
    const auto layers = static_cast<std::size_t>(rows.layers);
    for (std::size_t index = 0; index < ours.size(); ++index) {
      if (ours[index] == golden[index]) continue;
      ++different_;
      std::printf("%s alpha %g: token %zu layer %zu is %s here, margin %.2g of the norm\n", what_.c_str(),
                  alpha, index / layers, index % layers, ours[index] != 0 ? "active" : "void",
                  margins[index]);
      EXPECT_LE(margins[index], kExplainedMargin)
          << what_ << " alpha " << alpha << ": float32 does not explain another decision for token "
          << index / layers << " at layer " << index % layers;
      if (mode != LacMode::kTrace) break;
    }
    return ours == golden;
  }

 private:
  std::string what_;
  at::Device device_;
  std::size_t decisions_ = 0;
  std::size_t different_ = 0;  // those looked at
  double smallest_ = std::numeric_limits<double>::infinity();
};

}  // namespace lacuna::testing
