// The kernels against their formulas in double, on every path that this processor has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/worker/nn/drawn_elements.h"
#include "worker/nn/kernels/bfloat16_product.h"
#include "worker/nn/kernels/prompt_attention.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {
namespace {

// Half a unit in the last place, and as much for the sum's own rounding.
template <class T>
double tolerance(double value) {
  return (std::is_same_v<T, float> ? 2e-6 : 1.0 / 128) * (0.1 + std::abs(value));
}

TEST(BFloat16, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(widen(narrow_to<BFloat16>(1.0F)), 1.0F);
  EXPECT_EQ(widen(narrow_to<BFloat16>(1.0F + 1.0F / 256)), 1.0F);               // a tie, down to even
  EXPECT_EQ(widen(narrow_to<BFloat16>(1.0F + 3.0F / 256)), 1.0F + 4.0F / 256);  // a tie, up to even
  EXPECT_TRUE(std::isnan(widen(narrow_to<BFloat16>(NAN))));
  EXPECT_TRUE(std::isinf(widen(narrow_to<BFloat16>(INFINITY))));
}

struct ProductCase {
  std::int64_t rows, depth, features;
};

class ProductTest : public ::testing::TestWithParam<ProductCase> {};

TEST_P(ProductTest, IsTheSumWithBiasOnEveryKernel) {
  const auto [rows, depth, features] = GetParam();
  constexpr std::int64_t kGap = 32;  // rows of x, W and y need not touch
  const auto x = draw<BFloat16>(rows * (depth + kGap), 1);
  const auto weight = draw<BFloat16>(features * (depth + kGap), 2);
  const auto bias = draw<BFloat16>(features, 3);
  int kernels = 0;
  for (const ProductKernel kernel : {ProductKernel::kAvx512, ProductKernel::kAmx}) {
    if (kernel > best_product_kernel()) continue;
    const BFloat16 untouched = narrow_to<BFloat16>(-77.0F);
    std::vector<BFloat16> y(static_cast<std::size_t>(rows * (features + kGap)), untouched);
    const ProductOperand operand{.weight = weight.data(),
                                 .weight_stride = depth + kGap,
                                 .bias = bias.data(),
                                 .output = y.data(),
                                 .output_stride = features + kGap,
                                 .features = features};
    const ProductRows factor{.x = x.data(), .stride = depth + kGap, .rows = rows, .depth = depth};
    if (!BFloat16Product::supports(kernel, factor, {&operand, 1})) continue;
    ++kernels;
    BFloat16Product(kernel, factor, {&operand, 1}).run();
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t feature = 0; feature < features + kGap; ++feature) {
        const BFloat16 found = y[static_cast<std::size_t>(row * (features + kGap) + feature)];
        if (feature >= features) {
          ASSERT_EQ(found, untouched) << "written past the end of row " << row;
          continue;
        }
        double sum = widen(bias[static_cast<std::size_t>(feature)]);
        double magnitude = std::abs(sum);
        for (std::int64_t k = 0; k < depth; ++k) {
          const double product = double{widen(x[static_cast<std::size_t>(row * (depth + kGap) + k)])} *
                                 widen(weight[static_cast<std::size_t>(feature * (depth + kGap) + k)]);
          sum += product;
          magnitude += std::abs(product);
        }
        ASSERT_NEAR(widen(found), sum, std::abs(sum) / 250 + magnitude * 1e-6)
            << "row " << row << ", feature " << feature << ", kernel " << static_cast<int>(kernel);
      }
    }
  }
  if (kernels == 0) GTEST_SKIP() << "this processor has neither AVX512-BF16 nor AMX";
}

INSTANTIATE_TEST_SUITE_P(Shapes, ProductTest,
                         ::testing::Values(ProductCase{1, 32, 1}, ProductCase{1, 896, 70},
                                           ProductCase{3, 64, 33}, ProductCase{4, 96, 32},
                                           ProductCase{5, 96, 32}, ProductCase{8, 32, 129},
                                           ProductCase{16, 64, 64}, ProductCase{17, 64, 65},
                                           ProductCase{32, 128, 40}, ProductCase{49, 320, 100},
                                           // Depths in several blocks.
                                           ProductCase{66, 480, 35},
                                           // More rows than one pass over the weights takes, several strips
                                           // in a task.
                                           ProductCase{520, 2976, 130}),
                         [](const auto& tested) {
                           return std::to_string(tested.param.rows) + "x" +
                                  std::to_string(tested.param.depth) + "x" +
                                  std::to_string(tested.param.features);
                         });

// The fused form is the two products, the gate and the third product one after the other, bit for bit.
TEST(BFloat16Product, GatedIsTheGateOfBothProducts) {
  constexpr std::int64_t kDepth = 6400, kFeatures = 160, kOutputs = 70;
  const auto weights = draw<BFloat16>(2 * kFeatures * kDepth, 13);
  const auto bias = draw<BFloat16>(2 * kFeatures, 14);
  const auto last_weight = draw<BFloat16>(kOutputs * kFeatures, 18);
  for (const std::int64_t rows : {5, 40, 100, 130}) {
    const auto x = draw<BFloat16>(rows * kDepth, 15);
    const ProductRows factor{.x = x.data(), .stride = kDepth, .rows = rows, .depth = kDepth};
    const auto count = static_cast<std::size_t>(rows * kFeatures);
    std::vector<BFloat16> gate(count), up(count), gated(count);
    std::vector<ProductOperand> factors;
    for (std::int64_t i = 0; i < 2; ++i) {
      factors.push_back({.weight = weights.data() + i * kFeatures * kDepth,
                         .weight_stride = kDepth,
                         .bias = bias.data() + i * kFeatures,
                         .output = i == 0 ? gate.data() : up.data(),
                         .output_stride = kFeatures,
                         .features = kFeatures});
    }
    const ProductKernel kernel = best_product_kernel();
    if (!BFloat16Product::supports_gate(kernel, factor, factors)) GTEST_SKIP() << "this processor has no AMX";
    BFloat16Product(kernel, factor, factors).run();
    apply_silu_gate(gate.data(), up.data(), rows * kFeatures, gated.data());
    std::vector<BFloat16> expected(static_cast<std::size_t>(rows * kOutputs)), fused(expected.size());
    ProductOperand last{.weight = last_weight.data(),
                        .weight_stride = kFeatures,
                        .output = expected.data(),
                        .output_stride = kOutputs,
                        .features = kOutputs};
    BFloat16Product(kernel, {.x = gated.data(), .stride = kFeatures, .rows = rows, .depth = kFeatures},
                    {&last, 1})
        .run();

    BFloat16Product gating(kernel, factor, factors);
    for (std::int64_t task = 0; task < gating.preparation_tasks(); ++task) gating.prepare(task);
    PackedRows packed(rows, kFeatures);
    for (std::int64_t task = 0; task < gating.gated_tasks(); ++task) gating.compute_gated(task, packed);
    last.output = fused.data();
    BFloat16Product(std::move(packed), {&last, 1}).run();
    EXPECT_EQ(fused, expected) << rows << " rows";
  }
}

TEST(BFloat16Product, FindsTheLargestOfEveryRowWithoutWritingThem) {
  constexpr std::int64_t kDepth = 64, kFeatures = 205;
  for (const std::int64_t rows : {5, 17, 70}) {
    const auto x = draw<BFloat16>(rows * kDepth, 19);
    auto weight = draw<BFloat16>(kFeatures * kDepth, 20);
    const auto bias = draw<BFloat16>(kFeatures, 21);
    // Equal features make ties: 3 and 40, 198 and 204 (the last two in two strips at once).
    for (const auto& [from, to] : {std::pair{3, 40}, std::pair{204, 198}}) {
      std::copy_n(weight.begin() + from * kDepth, kDepth, weight.begin() + to * kDepth);
    }
    std::vector<BFloat16> y(static_cast<std::size_t>(rows * kFeatures));
    const ProductOperand operand{.weight = weight.data(),
                                 .weight_stride = kDepth,
                                 .bias = nullptr,
                                 .output = y.data(),
                                 .output_stride = kFeatures,
                                 .features = kFeatures};
    const ProductRows factor{.x = x.data(), .stride = kDepth, .rows = rows, .depth = kDepth};
    const ProductKernel kernel = best_product_kernel();
    if (!BFloat16Product::supports_largest(kernel, factor, operand))
      GTEST_SKIP() << "this processor has no AMX";
    for (const bool with_bias : {false, true}) {
      ProductOperand tested = operand;
      if (with_bias) tested.bias = bias.data();
      BFloat16Product(kernel, factor, {&tested, 1}).run();
      BFloat16Product product(kernel, factor, {&tested, 1});
      for (std::int64_t task = 0; task < product.preparation_tasks(); ++task) product.prepare(task);
      const StripMaxima maxima = product.make_maxima();
      for (std::int64_t task = 0; task < product.tasks(); ++task) product.compute_largest(task, maxima);
      std::vector<std::int64_t> found(static_cast<std::size_t>(rows)), expected;
      product.merge_maxima(maxima, found.data());
      for (std::int64_t row = 0; row < rows; ++row) {
        expected.push_back(find_largest(y.data() + row * kFeatures, kFeatures));
      }
      EXPECT_EQ(found, expected) << rows << " rows, bias: " << with_bias;
    }
  }
}

TEST(BFloat16Product, NanIsNeverTheLargest) {
  constexpr std::int64_t kRows = 6, kDepth = 32, kFeatures = 64;
  std::vector<BFloat16> x(kRows * kDepth, narrow_to<BFloat16>(1.0F)), weight(kFeatures * kDepth);
  for (std::int64_t feature = 0; feature < kFeatures; ++feature) {
    std::fill_n(weight.begin() + feature * kDepth, kDepth,
                narrow_to<BFloat16>(feature == 50 ? -1.0F : -2.0F));
  }
  weight[10 * kDepth] = narrow_to<BFloat16>(NAN);
  x[5 * kDepth] = narrow_to<BFloat16>(NAN);  // the last row is nothing but NaN
  const ProductOperand operand{.weight = weight.data(), .weight_stride = kDepth, .features = kFeatures};
  const ProductRows factor{.x = x.data(), .stride = kDepth, .rows = kRows, .depth = kDepth};
  const ProductKernel kernel = best_product_kernel();
  if (!BFloat16Product::supports_largest(kernel, factor, operand))
    GTEST_SKIP() << "this processor has no AMX";
  BFloat16Product product(kernel, factor, {&operand, 1});
  for (std::int64_t task = 0; task < product.preparation_tasks(); ++task) product.prepare(task);
  const StripMaxima maxima = product.make_maxima();
  for (std::int64_t task = 0; task < product.tasks(); ++task) product.compute_largest(task, maxima);
  std::vector<std::int64_t> found(kRows);
  product.merge_maxima(maxima, found.data());
  EXPECT_EQ(found, (std::vector<std::int64_t>{50, 50, 50, 50, 50, 0}));
}

TEST(BFloat16Product, DoesNotDependOnTheNumberOfThreads) {
  constexpr std::int64_t kRows = 200, kDepth = 4096, kFeatures = 300;
  const auto x = draw<BFloat16>(kRows * kDepth, 16);
  const auto weight = draw<BFloat16>(kFeatures * kDepth, 17);
  std::vector<std::vector<BFloat16>> results;
  std::vector<std::int64_t> tasks;
  for (const std::int64_t threads : {1, 2, 64}) {
    auto& y = results.emplace_back(static_cast<std::size_t>(kRows * kFeatures));
    const ProductOperand operand{.weight = weight.data(),
                                 .weight_stride = kDepth,
                                 .output = y.data(),
                                 .output_stride = kFeatures,
                                 .features = kFeatures};
    const ProductRows factor{.x = x.data(), .stride = kDepth, .rows = kRows, .depth = kDepth};
    if (!BFloat16Product::supports(best_product_kernel(), factor, {&operand, 1})) {
      GTEST_SKIP() << "this processor has no AMX";
    }
    BFloat16Product product(best_product_kernel(), factor, {&operand, 1}, threads);
    product.run();
    tasks.push_back(product.tasks());
  }
  EXPECT_LT(tasks.front(), tasks.back());
  EXPECT_EQ(results[1], results[0]);
  EXPECT_EQ(results[2], results[0]);
}

TEST(BFloat16Product, RefusesWhatItCannotCompute) {
  const BFloat16 value{};
  const ProductOperand narrow{.weight = &value, .features = 31};
  const auto rows = [&](std::int64_t count, std::int64_t depth) {
    return ProductRows{.x = &value, .stride = depth, .rows = count, .depth = depth};
  };
  EXPECT_FALSE(BFloat16Product::supports(ProductKernel::kLibrary, rows(1, 32), {&narrow, 1}));
  EXPECT_FALSE(BFloat16Product::supports(ProductKernel::kAmx, rows(1, 33), {&narrow, 1}));
  EXPECT_FALSE(BFloat16Product::supports(ProductKernel::kAmx, rows(5, 32), {&narrow, 1}));
  EXPECT_TRUE(BFloat16Product::supports(ProductKernel::kAmx, rows(4, 32), {&narrow, 1}));
  EXPECT_TRUE(BFloat16Product::supports(ProductKernel::kAvx512, rows(8, 32), {&narrow, 1}));
  EXPECT_FALSE(BFloat16Product::supports(ProductKernel::kAvx512, rows(9, 32), {&narrow, 1}));
}

struct PromptCase {
  std::int64_t tokens, group, head_dim, first_position, window;
};

class PromptAttention : public ::testing::TestWithParam<PromptCase> {};

TEST_P(PromptAttention, IsTheFormula) {
  const auto [tokens, group, head_dim, first_position, window] = GetParam();
  if (!supports_prompt_attention(best_product_kernel(), head_dim))
    GTEST_SKIP() << "this processor has no AMX";
  const std::int64_t keys = first_position + tokens;
  const std::int64_t padded = pad_to_depth_step(keys) + 32;
  const std::int64_t token_stride = (group + 2) * head_dim;  // other kv heads' queries between the tokens
  const auto q = draw<BFloat16>(tokens * token_stride, 31);
  const auto k = draw<BFloat16>(padded * head_dim, 32);
  const auto v = draw<BFloat16>(head_dim * padded, 33);
  const BFloat16 untouched = narrow_to<BFloat16>(-77.0F);
  std::vector<BFloat16> output(q.size(), untouched);
  const float scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
  attend_prompt({.q = q.data(),
                 .output = output.data(),
                 .token_stride = token_stride,
                 .tokens = tokens,
                 .group = group,
                 .head_dim = head_dim,
                 .first_position = first_position,
                 .window = window,
                 .keys = k.data(),
                 .values = v.data(),
                 .value_stride = padded,
                 .scale = scale});
  for (std::int64_t token = 0; token < tokens; ++token) {
    const std::int64_t end = first_position + token + 1;
    const std::int64_t begin = window > 0 ? std::max<std::int64_t>(0, end - window) : 0;
    for (std::int64_t head = 0; head < group + 2; ++head) {
      const auto row = static_cast<std::size_t>(token * token_stride + head * head_dim);
      if (head >= group) {
        ASSERT_EQ(output[row], untouched);
        continue;
      }
      std::vector<double> weights;
      double sum = 0;
      for (std::int64_t key = begin; key < end; ++key) {
        double score = 0;
        for (std::int64_t i = 0; i < head_dim; ++i) {
          score += double{widen(q[row + static_cast<std::size_t>(i)])} *
                   widen(k[static_cast<std::size_t>(key * head_dim + i)]);
        }
        weights.push_back(std::exp(score * scale));
        sum += weights.back();
      }
      for (std::int64_t i = 0; i < head_dim; ++i) {
        double expected = 0;
        for (std::int64_t key = begin; key < end; ++key) {
          expected += weights[static_cast<std::size_t>(key - begin)] / sum *
                      widen(v[static_cast<std::size_t>(i * padded + key)]);
        }
        ASSERT_NEAR(widen(output[row + static_cast<std::size_t>(i)]), expected,
                    0.02 * (0.5 + std::abs(expected)))
            << "token " << token << ", head " << head;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, PromptAttention,
                         ::testing::Values(PromptCase{1, 1, 32, 0, 0}, PromptCase{5, 7, 64, 0, 0},
                                           PromptCase{70, 7, 64, 0, 0}, PromptCase{33, 4, 128, 100, 0},
                                           PromptCase{64, 1, 96, 31, 0}, PromptCase{40, 3, 64, 90, 17},
                                           PromptCase{64, 2, 64, 0, 1}, PromptCase{50, 5, 32, 64, 33}),
                         [](const auto& tested) {
                           const PromptCase& shape = tested.param;
                           return std::to_string(shape.tokens) + "x" + std::to_string(shape.group) + "x" +
                                  std::to_string(shape.head_dim) + "at" +
                                  std::to_string(shape.first_position) + "window" +
                                  std::to_string(shape.window);
                         });

template <class T>
class RowKernels : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(RowKernels, ElementTypes);

TYPED_TEST(RowKernels, NormalizeAndMeasureRows) {
  using T = TypeParam;
  constexpr std::int64_t kRows = 3;
  for (const std::int64_t width : {1, 15, 16, 77, 896}) {
    const auto x = draw<T>(kRows * width, 4);
    const auto weight = draw<T>(width, 5);
    std::vector<T> y(x.size());
    std::vector<float> norms(kRows);
    normalize_rms(x.data(), weight.data(), 1e-6F, kRows, width, y.data());
    measure_l2(x.data(), kRows, width, norms.data());
    for (std::int64_t row = 0; row < kRows; ++row) {
      double squares = 0;
      for (std::int64_t i = 0; i < width; ++i)
        squares += std::pow(widen(x[static_cast<std::size_t>(row * width + i)]), 2);
      EXPECT_NEAR(norms[static_cast<std::size_t>(row)], std::sqrt(squares), 1e-5 * std::sqrt(squares));
      for (std::int64_t i = 0; i < width; ++i) {
        const auto at = static_cast<std::size_t>(row * width + i);
        const double expected = widen(x[at]) / std::sqrt(squares / static_cast<double>(width) + 1e-6) *
                                widen(weight[static_cast<std::size_t>(i)]);
        ASSERT_NEAR(widen(y[at]), expected, 2 * tolerance<T>(expected)) << width;
      }
    }
  }
}

TYPED_TEST(RowKernels, RotateHeadsByTheirTokensAngles) {
  using T = TypeParam;
  constexpr std::int64_t kTokens = 2, kHeads = 3, kHeadDim = 20, kHalf = kHeadDim / 2;
  const auto x = draw<T>(kTokens * kHeads * kHeadDim, 6);
  std::vector<T> cosine, sine, y(x.size());
  for (std::int64_t i = 0; i < kTokens * kHeadDim; ++i) {
    const auto angle = static_cast<float>(i / kHeadDim + 1) * static_cast<float>(i % kHeadDim % kHalf);
    cosine.push_back(narrow_to<T>(std::cos(angle)));
    sine.push_back(narrow_to<T>(std::sin(angle)));
  }
  rotate_heads(x.data(), cosine.data(), sine.data(), kTokens, kHeads, kHeadDim, y.data());
  for (std::int64_t i = 0; i < kTokens * kHeads * kHeadDim; ++i) {
    const std::int64_t dim = i % kHeadDim;
    const auto angle = static_cast<std::size_t>(i / (kHeads * kHeadDim) * kHeadDim + dim);
    const double other = dim < kHalf ? -widen(x[static_cast<std::size_t>(i + kHalf)])
                                     : widen(x[static_cast<std::size_t>(i - kHalf)]);
    const double expected =
        widen(x[static_cast<std::size_t>(i)]) * widen(cosine[angle]) + other * widen(sine[angle]);
    ASSERT_NEAR(widen(y[static_cast<std::size_t>(i)]), expected, 4 * tolerance<T>(1 + std::abs(expected)));
  }
}

TYPED_TEST(RowKernels, SiluGateForAllSizesOfInput) {
  using T = TypeParam;
  std::vector<T> gate, up;
  for (const float value : {-500.0F, -100.0F, -88.0F, -20.0F, -1.0F, -0.01F, 0.0F, 0.01F, 1.0F, 20.0F, 90.0F,
                            3e38F, 0.5F, -0.5F, 2.0F, -2.0F, 3.0F}) {
    gate.push_back(narrow_to<T>(value));
    up.push_back(narrow_to<T>(1.5F));
  }
  std::vector<T> y(gate.size());
  apply_silu_gate(gate.data(), up.data(), static_cast<std::int64_t>(gate.size()), y.data());
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double input = widen(gate[i]);
    const double expected = input / (1 + std::exp(-input)) * 1.5;
    if (std::isinf(static_cast<float>(expected))) {
      EXPECT_TRUE(std::isinf(widen(y[i])));
    } else {
      EXPECT_NEAR(widen(y[i]), expected, 2 * tolerance<T>(expected)) << input;
    }
  }
}

TYPED_TEST(RowKernels, SoftmaxOfTheVisibleScoresAlone) {
  using T = TypeParam;
  constexpr std::int64_t kKeys = 50;
  for (const auto& [first, end] : {std::pair{0, 50}, std::pair{0, 1}, std::pair{7, 40}, std::pair{33, 50}}) {
    auto scores = draw<T>(kKeys, 7);
    scores[0] = narrow_to<T>(1e30F);  // visible or not: no overflow
    const auto before = scores;
    std::vector<float> scratch(kKeys);
    softmax_row(scores.data(), kKeys, first, end, 0.125F, scratch.data());
    double largest = -INFINITY;
    for (auto key = static_cast<std::size_t>(first); key < static_cast<std::size_t>(end); ++key) {
      largest = std::max(largest, 0.125 * widen(before[key]));
    }
    double sum = 0;
    for (auto key = static_cast<std::size_t>(first); key < static_cast<std::size_t>(end); ++key) {
      sum += std::exp(0.125 * widen(before[key]) - largest);
    }
    for (std::int64_t key = 0; key < kKeys; ++key) {
      const auto at = static_cast<std::size_t>(key);
      const bool is_visible = key >= first && key < end;
      const double expected = is_visible ? std::exp(0.125 * widen(before[at]) - largest) / sum : 0;
      ASSERT_NEAR(widen(scores[at]), expected, is_visible ? tolerance<T>(expected) : 0) << key;
    }
  }
}

TYPED_TEST(RowKernels, FindTheFirstOfTheLargest) {
  using T = TypeParam;
  for (const std::int64_t count : {1, 2, 15, 16, 1023, 1024, 1025, 5000}) {
    auto values = draw<T>(count, 16);
    for (const std::int64_t place : {std::int64_t{0}, count / 3, count / 2, count - 1}) {
      auto changed = values;
      changed[static_cast<std::size_t>(place)] = narrow_to<T>(9.0F);
      if (place + 1 < count) changed.back() = narrow_to<T>(9.0F);  // an equal one behind it
      changed.front() = place == 0 ? changed.front() : narrow_to<T>(NAN);
      EXPECT_EQ(find_largest(changed.data(), count), place) << count;
    }
  }
  const std::vector<T> none(40, narrow_to<T>(-INFINITY));
  EXPECT_EQ(find_largest(none.data(), 40), 0);
}

}  // namespace
}  // namespace lacuna
