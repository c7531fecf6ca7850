// Norms, rotary embedding and gate as a GPU computes them, run by threads of the CPU: against their
// definitions, and against the CPU's kernels, with which they share where they round.
#include "worker/nn/cuda/row_bodies.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "tests/worker/nn/cuda/kernel_inputs.h"
#include "worker/nn/cuda/kernels.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna::cuda {
namespace {

template <class T>
class RowBodies : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(RowBodies, ElementTypes);

// Rows as columns of a wider product: `stride` elements apart, beginning `offset` elements into memory that
// is aligned to a vector.
struct RowShape {
  int width;
  std::int64_t stride, offset;
};

constexpr std::int64_t kRows = 3;

// Of whole vectors; and where rows, their distance or their beginning are not, an element at a time.
constexpr RowShape kRowShapes[] = {{48, 48, 0},      {896, 904, 8}, {3584, 3584, 0}, {3584, 3600, 16},
                                   {45, 45, 0},      {48, 51, 0},   {896, 904, 1},   {1, 1, 0},
                                   {4864, 9728, 64}, {45, 48, 0}};

// The share of results that are not the expected ones, each of which has to be a neighbour at least.
template <class T>
double find_share_of_neighbours(const std::vector<T>& found, const std::vector<float>& expected) {
  std::size_t different = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(double{widen(found[i])} - expected[i]);
    EXPECT_LE(difference, 4 * kHalfUlp<T> * std::abs(expected[i]) + 1e-30) << "element " << i;
    if (difference != 0) ++different;
  }
  return static_cast<double>(different) / static_cast<double>(found.size());
}

// In float32 the order of a sum decides about the last bit, in bfloat16 hardly ever.
template <class T>
constexpr double kMostNeighbours = std::is_same_v<T, float> ? 1.0 : 0.01;

TYPED_TEST(RowBodies, NormalizingRoundsBeforeTheWeight) {
  using T = TypeParam;
  for (const auto& [width, stride, offset] : kRowShapes) {
    const auto x = draw<T>(offset + kRows * stride, 1);
    const auto weight = draw<T>(width, 2);
    std::vector<T> y(static_cast<std::size_t>(kRows * width));
    constexpr float kEpsilon = 1e-2F;  // so that it shows
    launch(NormalizeTask<T>{.x = x.data() + offset,
                            .x_stride = stride,
                            .weight = weight.data(),
                            .epsilon = kEpsilon,
                            .rows = kRows,
                            .width = width,
                            .y = y.data()},
           nullptr);
    std::vector<float> expected;
    for (std::int64_t row = 0; row < kRows; ++row) {
      const T* const values = x.data() + offset + row * stride;
      double sum = 0;
      for (int i = 0; i < width; ++i) sum += double{widen(values[i])} * widen(values[i]);
      const double inverse = 1.0 / std::sqrt(sum / width + kEpsilon);
      for (int i = 0; i < width; ++i) {
        const float normalized = widen(narrow_to<T>(static_cast<float>(widen(values[i]) * inverse)));
        expected.push_back(widen(narrow_to<T>(widen(weight[static_cast<std::size_t>(i)]) * normalized)));
      }
    }
    EXPECT_LE(find_share_of_neighbours(y, expected), kMostNeighbours<T>) << width << " elements a row";
  }
}

TYPED_TEST(RowBodies, MeasuresTheL2Norm) {
  using T = TypeParam;
  for (const auto& [width, stride, offset] : kRowShapes) {
    const auto x = draw<T>(offset + kRows * stride, 3);
    std::vector<float> norms(kRows);
    launch(
        MeasureTask<T>{
            .x = x.data() + offset, .x_stride = stride, .rows = kRows, .width = width, .norms = norms.data()},
        nullptr);
    for (std::int64_t row = 0; row < kRows; ++row) {
      double sum = 0;
      for (int i = 0; i < width; ++i) {
        const double value = widen(x[static_cast<std::size_t>(offset + row * stride + i)]);
        sum += value * value;
      }
      EXPECT_NEAR(norms[static_cast<std::size_t>(row)], std::sqrt(sum), 1e-6 * std::sqrt(sum))
          << width << " elements a row";
    }
  }
}

// As the chain of operators does it: products rounded to T, then their sum.
template <class T>
std::vector<T> rotate_by_definition(const RotateTask<T>& task) {
  const auto multiply = [](T a, T b) {
    return double{widen(narrow_to<T>(static_cast<float>(double{widen(a)} * widen(b))))};
  };
  std::vector<T> y;
  const int half = task.head_dim / 2;
  for (std::int64_t token = 0; token < task.tokens; ++token) {
    const T* const cosine = task.cosine + token * task.head_dim;
    const T* const sine = task.sine + token * task.head_dim;
    for (int head = 0; head < task.heads; ++head) {
      const T* const x = task.x + token * task.x_stride + head * task.head_dim;
      for (int i = 0; i < task.head_dim; ++i) {
        const double kept = multiply(x[i], cosine[i]);
        const double turned = multiply(i < half ? x[i + half] : x[i - half], sine[i]);
        y.push_back(narrow_to<T>(static_cast<float>(i < half ? kept - turned : kept + turned)));
      }
    }
  }
  return y;
}

TYPED_TEST(RowBodies, RotatesBitForBit) {
  using T = TypeParam;
  for (const int head_dim : {8, 10, 16, 64, 128}) {
    for (const std::int64_t gap : {0, 16, 3}) {  // other columns between the tokens' heads
      constexpr int kHeads = 5;
      const std::int64_t stride = kHeads * head_dim + gap;
      const auto x = draw<T>(kRows * stride, 4);
      auto cosine = draw<T>(kRows * head_dim, 5);
      auto sine = draw<T>(kRows * head_dim, 6);
      for (std::int64_t i = 0; i < kRows * head_dim; ++i) {
        if (i % head_dim < head_dim / 2) continue;
        const auto place = static_cast<std::size_t>(i);
        cosine[place] = cosine[static_cast<std::size_t>(i - head_dim / 2)];
        sine[place] = sine[static_cast<std::size_t>(i - head_dim / 2)];
      }
      std::vector<T> y(static_cast<std::size_t>(kRows * kHeads * head_dim));
      const RotateTask<T> task{.x = x.data(),
                               .x_stride = stride,
                               .cosine = cosine.data(),
                               .sine = sine.data(),
                               .tokens = kRows,
                               .heads = kHeads,
                               .head_dim = head_dim,
                               .y = y.data()};
      launch(task, nullptr);
      EXPECT_EQ(y, rotate_by_definition(task)) << head_dim << " elements a head, gap " << gap;
      if (std::is_same_v<T, BFloat16> && gap == 0) {
        std::vector<T> on_cpu(y.size());
        rotate_heads(x.data(), cosine.data(), sine.data(), kRows, kHeads, head_dim, on_cpu.data());
        EXPECT_EQ(y, on_cpu);
      }
    }
  }
}

TYPED_TEST(RowBodies, GateIsRoundedBeforeItMultiplies) {
  using T = TypeParam;
  for (const auto& [width, stride, offset] : kRowShapes) {
    const std::int64_t distance = stride + 16;
    const auto product = draw<T>(offset + kRows * distance + stride, 7);
    const T* const gate = product.data() + offset;
    const T* const up = gate + stride;  // columns of the same product, row by row overlapping the next gate
    std::vector<T> y(static_cast<std::size_t>(kRows * width));
    launch(GateTask<T>{.gate = gate,
                       .gate_stride = distance,
                       .up = up,
                       .up_stride = distance,
                       .rows = kRows,
                       .width = width,
                       .y = y.data()},
           nullptr);
    std::vector<float> expected;
    for (std::int64_t row = 0; row < kRows; ++row) {
      for (int i = 0; i < width; ++i) {
        const double value = widen(gate[row * distance + i]);
        const T activated = narrow_to<T>(static_cast<float>(value / (1.0 + std::exp(-value))));
        expected.push_back(widen(narrow_to<T>(widen(activated) * widen(up[row * distance + i]))));
      }
    }
    EXPECT_LE(find_share_of_neighbours(y, expected), kMostNeighbours<T>) << width << " elements a row";
  }
}

TYPED_TEST(RowBodies, GateOfExtremesIsWhatTheOperatorsGive) {
  using T = TypeParam;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> gates = {-200.0F, 200.0F, 0.0F, kInfinity, std::nanf("")};
  const std::vector<float> expected = {0.0F, 200.0F, 0.0F, kInfinity, std::nanf("")};
  std::vector<T> gate, y(gates.size());
  for (const float value : gates) gate.push_back(narrow_to<T>(value));
  const std::vector<T> up(gates.size(), narrow_to<T>(1.0F));
  launch(GateTask<T>{.gate = gate.data(),
                     .gate_stride = 5,
                     .up = up.data(),
                     .up_stride = 5,
                     .rows = 1,
                     .width = 5,
                     .y = y.data()},
         nullptr);
  for (std::size_t i = 0; i < gates.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(widen(y[i])));
    } else {
      EXPECT_EQ(widen(y[i]), expected[i]) << "element " << i;
    }
  }
}

}  // namespace
}  // namespace lacuna::cuda
