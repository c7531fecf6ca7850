// Attention of branches against its definition in double, for shapes of every path of the kernel.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "worker/nn/kernels/branch_attention.h"

namespace lacuna {
namespace {

struct BranchCase {
  std::int64_t prompt, response, branches, group, head_dim;
};

// Random queries and caches of one prompt and of twice as many slots as there are branches.
template <class T>
struct BranchInputs {
  explicit BranchInputs(const BranchCase& wanted)
      : shape(wanted),
        padded((wanted.prompt + 31) / 32 * 32),
        keys(draw(padded * wanted.head_dim, 1)),
        values(draw(wanted.head_dim * padded, 2)),
        response_keys(draw(2 * wanted.branches * wanted.response * wanted.head_dim, 3)),
        response_values(draw(2 * wanted.branches * wanted.response * wanted.head_dim, 4)),
        q(draw(wanted.branches * stride(), 5)) {
    for (std::int64_t i = 0; i < padded * shape.head_dim; ++i) {
      if (i / shape.head_dim >= shape.prompt) keys[static_cast<std::size_t>(i)] = T{};
      if (i % padded >= shape.prompt) values[static_cast<std::size_t>(i)] = T{};
    }
    for (std::int64_t i = 0; i < shape.branches; ++i) slots.push_back(2 * shape.branches - 1 - 2 * i);
  }

  static std::vector<T> draw(std::int64_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<T> drawn;
    for (std::int64_t i = 0; i < count; ++i) drawn.push_back(narrow_to<T>(normal(random)));
    return drawn;
  }

  // Another kv head's queries lie in between.
  [[nodiscard]] std::int64_t stride() const { return 2 * shape.group * shape.head_dim; }

  [[nodiscard]] std::vector<T> attend() const {
    std::vector<T> output(q.size());
    attend_branches<T>({.prompt_keys = keys.data(),
                        .prompt_values = values.data(),
                        .value_stride = padded,
                        .prompt_count = shape.prompt,
                        .response_keys = response_keys.data(),
                        .response_values = response_values.data(),
                        .slot_stride = shape.response * shape.head_dim,
                        .response_count = shape.response,
                        .head_dim = shape.head_dim},
                       slots, shape.group, q.data(), stride(), output.data());
    return output;
  }

  [[nodiscard]] std::size_t response_place(std::int64_t branch, std::int64_t key, std::int64_t i) const {
    const std::int64_t row = slots[static_cast<std::size_t>(branch)] * shape.response + key - shape.prompt;
    return static_cast<std::size_t>(row * shape.head_dim + i);
  }
  [[nodiscard]] double key_at(std::int64_t branch, std::int64_t key, std::int64_t i) const {
    if (key >= shape.prompt) return widen(response_keys[response_place(branch, key, i)]);
    return widen(keys[static_cast<std::size_t>(key * shape.head_dim + i)]);
  }
  [[nodiscard]] double value_at(std::int64_t branch, std::int64_t key, std::int64_t i) const {
    if (key >= shape.prompt) return widen(response_values[response_place(branch, key, i)]);
    return widen(values[static_cast<std::size_t>(i * padded + key)]);
  }

  // Of the query at `offset`, a head of `branch`: [head_dim].
  [[nodiscard]] std::vector<double> expect(std::int64_t branch, std::size_t offset) const {
    std::vector<double> expected(static_cast<std::size_t>(shape.head_dim));
    double sum = 0;
    for (std::int64_t key = 0; key < shape.prompt + shape.response; ++key) {
      double score = 0;
      for (std::int64_t i = 0; i < shape.head_dim; ++i) {
        score += widen(q[offset + static_cast<std::size_t>(i)]) * key_at(branch, key, i);
      }
      const double weight = std::exp(score / std::sqrt(static_cast<double>(shape.head_dim)));
      sum += weight;
      for (std::int64_t i = 0; i < shape.head_dim; ++i) {
        expected[static_cast<std::size_t>(i)] += weight * value_at(branch, key, i);
      }
    }
    for (double& element : expected) element /= sum;
    return expected;
  }

  BranchCase shape;
  std::int64_t padded;
  std::vector<T> keys, values, response_keys, response_values, q;
  std::vector<std::int64_t> slots;
};

class BranchAttention : public ::testing::TestWithParam<BranchCase> {
 protected:
  template <class T>
  static void expect_definition(double tolerance) {
    const BranchInputs<T> inputs(GetParam());
    const auto& [prompt, response, branches, group, head_dim] = inputs.shape;
    const std::vector<T> output = inputs.attend();
    for (std::int64_t row = 0; row < branches * group; ++row) {
      const std::int64_t branch = row / group;
      const auto offset = static_cast<std::size_t>(branch * inputs.stride() + row % group * head_dim);
      const std::vector<double> expected = inputs.expect(branch, offset);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(widen(output[offset + i]), expected[i], tolerance) << "row " << row << ", element " << i;
      }
      // Nothing is written between the branches' heads.
      if (row % group == group - 1) {
        ASSERT_EQ(widen(output[offset + expected.size()]), 0.0F);
      }
    }
  }
};

TEST_P(BranchAttention, SeesThePromptAndItsOwnResponseInFloat32) {
  expect_definition<float>(1e-5);
}
TEST_P(BranchAttention, SeesThePromptAndItsOwnResponseInBFloat16) {
  expect_definition<BFloat16>(0.03);
}

std::string name_case(const ::testing::TestParamInfo<BranchCase>& info) {
  const BranchCase& shape = info.param;
  return "Prompt" + std::to_string(shape.prompt) + "Response" + std::to_string(shape.response) + "Branches" +
         std::to_string(shape.branches) + "Group" + std::to_string(shape.group) + "HeadDim" +
         std::to_string(shape.head_dim);
}

INSTANTIATE_TEST_SUITE_P(Shapes, BranchAttention,
                         ::testing::Values(BranchCase{45, 3, 2, 7, 64}, BranchCase{128, 33, 9, 7, 64},
                                           BranchCase{31, 1, 1, 4, 128}, BranchCase{64, 16, 1, 1, 128},
                                           BranchCase{200, 17, 4, 11, 96}, BranchCase{1, 2, 3, 2, 32},
                                           BranchCase{0, 5, 3, 7, 64}, BranchCase{50, 6, 3, 4, 48}),
                         name_case);

}  // namespace
}  // namespace lacuna
