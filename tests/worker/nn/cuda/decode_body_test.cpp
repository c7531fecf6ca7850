// Attention of branches as a GPU computes it, run by threads of the CPU, against its definition in double.
#include "worker/nn/cuda/decode_body.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "tests/worker/nn/cuda/kernel_inputs.h"
#include "worker/nn/cuda/kernels.h"
#include "worker/nn/cuda/start_kernels.h"

namespace lacuna::cuda {
namespace {

struct Branch {
  std::int64_t sequence, slot;
};

struct DecodeCase {
  std::vector<std::int64_t> prompts;  // lengths
  std::vector<Branch> branches;       // the rows
  std::int64_t response;              // tokens before the new one
  std::int64_t window;
  int kv_heads, group, head_dim;
  float query_scale = 1;  // large: scores that differ much
};

constexpr std::int64_t kSlots = 4;

// A pool that holds NaN wherever no key or value is, and a pass of which q, k and v are columns of one
// product.
template <class T>
class DecodeInputs {
 public:
  explicit DecodeInputs(const DecodeCase& wanted) : shape_(wanted) {
    fill(prompt_keys_, prompts_elements(), 1);
    fill(prompt_values_, prompts_elements(), 2);
    fill(response_keys_, responses_elements(), 3);
    fill(response_values_, responses_elements(), 4);
    forget_unwritten();
    product_ = draw<T>(rows() * product_width(), 5);
    for (std::int64_t i = 0; i < rows() * product_width(); ++i) {
      T& element = product_[static_cast<std::size_t>(i)];
      if (i % product_width() < heads() * shape_.head_dim)
        element = narrow_to<T>(widen(element) * shape_.query_scale);
    }
    for (const auto& [sequence, slot] : shape_.branches) cells_.push_back(slot * sequences() + sequence);
    output_.assign(static_cast<std::size_t>(rows() * heads() * shape_.head_dim), T{});
  }

  [[nodiscard]] DecodeTask<T> make_task() {
    const std::int64_t q_width = heads() * shape_.head_dim;
    const std::int64_t kv_width = std::int64_t{shape_.kv_heads} * shape_.head_dim;
    return {.q = product_.data(),
            .q_stride = product_width(),
            .k = product_.data() + q_width,
            .k_stride = product_width(),
            .v = product_.data() + q_width + kv_width,
            .v_stride = product_width(),
            .prompt_keys = prompt_keys_.data(),
            .prompt_values = prompt_values_.data(),
            .prompt_capacity = prompt_capacity(),
            .response_keys = response_keys_.data(),
            .response_values = response_values_.data(),
            .response_capacity = response_capacity(),
            .prompt_lengths = shape_.prompts.data(),
            .cells = cells_.data(),
            .sequences = sequences(),
            .response_length = shape_.response,
            .window = shape_.window,
            .rows = rows(),
            .kv_heads = shape_.kv_heads,
            .group = shape_.group,
            .head_dim = shape_.head_dim,
            .scale = 1.0F / std::sqrt(static_cast<float>(shape_.head_dim)),
            .output = output_.data()};
  }

  // Of the pool before the pass. Every element of the pool after it: the newest tokens' are theirs, all
  // others what they were.
  void expect_pool_to_hold_the_new_tokens(const DecodeInputs& before) const {
    std::vector<T> keys = before.response_keys_;
    std::vector<T> values = before.response_values_;
    for (std::int64_t row = 0; row < rows(); ++row) {
      for (int kv_head = 0; kv_head < shape_.kv_heads; ++kv_head) {
        for (int i = 0; i < shape_.head_dim; ++i) {
          const std::size_t place = response_place(row, kv_head, shape_.response, i);
          keys[place] = own_key(row, kv_head, i);
          values[place] = own_value(row, kv_head, i);
        }
      }
    }
    EXPECT_TRUE(same_bits(response_keys_, keys));
    EXPECT_TRUE(same_bits(response_values_, values));
  }

  // One query head of a row: [head_dim].
  [[nodiscard]] std::vector<double> attend_by_definition(std::int64_t row, int head) const {
    const int kv_head = head / shape_.group;
    const std::int64_t prompt = shape_.prompts[sequence_of(row)];
    const std::int64_t keys = prompt + shape_.response + 1;
    const std::int64_t first = shape_.window > 0 ? std::max<std::int64_t>(0, keys - shape_.window) : 0;
    std::vector<double> scores;
    for (std::int64_t key = first; key < keys; ++key) {
      double score = 0;
      for (int i = 0; i < shape_.head_dim; ++i) {
        const T q = product_[static_cast<std::size_t>(row * product_width() + head * shape_.head_dim + i)];
        const T k = key < prompt ? prompt_keys_[prompt_place(row, kv_head, key, i)]
                                 : newest_or(response_keys_, row, kv_head, key - prompt, i, true);
        score += double{widen(q)} * widen(k);
      }
      scores.push_back(score / std::sqrt(static_cast<double>(shape_.head_dim)));
    }
    const double largest = *std::ranges::max_element(scores);
    std::vector<double> sums(static_cast<std::size_t>(shape_.head_dim));
    double total = 0;
    for (std::int64_t key = first; key < keys; ++key) {
      const double weight = std::exp(scores[static_cast<std::size_t>(key - first)] - largest);
      total += weight;
      for (int i = 0; i < shape_.head_dim; ++i) {
        const T v = key < prompt ? prompt_values_[prompt_place(row, kv_head, key, i)]
                                 : newest_or(response_values_, row, kv_head, key - prompt, i, false);
        sums[static_cast<std::size_t>(i)] += weight * widen(v);
      }
    }
    for (double& sum : sums) sum /= total;
    return sums;
  }

  [[nodiscard]] std::int64_t rows() const { return static_cast<std::int64_t>(shape_.branches.size()); }
  [[nodiscard]] int heads() const { return shape_.kv_heads * shape_.group; }
  [[nodiscard]] double output_at(std::int64_t row, int head, int i) const {
    return widen(output_[static_cast<std::size_t>((row * heads() + head) * shape_.head_dim + i)]);
  }

 private:
  [[nodiscard]] std::int64_t sequences() const { return static_cast<std::int64_t>(shape_.prompts.size()); }
  [[nodiscard]] std::size_t sequence_of(std::int64_t row) const {
    return static_cast<std::size_t>(shape_.branches[static_cast<std::size_t>(row)].sequence);
  }
  // Neither is what is in use.
  [[nodiscard]] std::int64_t prompt_capacity() const { return *std::ranges::max_element(shape_.prompts) + 3; }
  [[nodiscard]] std::int64_t response_capacity() const { return shape_.response + 4; }
  [[nodiscard]] std::int64_t product_width() const {
    return std::int64_t{heads() + 2 * shape_.kv_heads} * shape_.head_dim;
  }
  [[nodiscard]] std::int64_t prompts_elements() const {
    return sequences() * shape_.kv_heads * prompt_capacity() * shape_.head_dim;
  }
  [[nodiscard]] std::int64_t responses_elements() const {
    return kSlots * sequences() * shape_.kv_heads * response_capacity() * shape_.head_dim;
  }
  [[nodiscard]] std::size_t prompt_place(std::int64_t row, std::int64_t kv_head, std::int64_t key,
                                         int i) const {
    const auto sequence = static_cast<std::int64_t>(sequence_of(row));
    return static_cast<std::size_t>(
        ((sequence * shape_.kv_heads + kv_head) * prompt_capacity() + key) * shape_.head_dim + i);
  }
  [[nodiscard]] std::size_t response_place(std::int64_t row, std::int64_t kv_head, std::int64_t key,
                                           int i) const {
    const auto& [sequence, slot] = shape_.branches[static_cast<std::size_t>(row)];
    const std::int64_t cell = slot * sequences() + sequence;
    return static_cast<std::size_t>(
        ((cell * shape_.kv_heads + kv_head) * response_capacity() + key) * shape_.head_dim + i);
  }
  [[nodiscard]] T own_key(std::int64_t row, int kv_head, int i) const {
    return product_[static_cast<std::size_t>(row * product_width() + (heads() + kv_head) * shape_.head_dim +
                                             i)];
  }
  [[nodiscard]] T own_value(std::int64_t row, int kv_head, int i) const {
    return own_key(row, shape_.kv_heads + kv_head, i);
  }
  [[nodiscard]] T newest_or(const std::vector<T>& pool, std::int64_t row, int kv_head, std::int64_t key,
                            int i, bool is_key) const {
    if (key < shape_.response) return pool[response_place(row, kv_head, key, i)];
    return is_key ? own_key(row, kv_head, i) : own_value(row, kv_head, i);
  }

  static void fill(std::vector<T>& tensor, std::int64_t count, unsigned seed) {
    tensor = draw<T>(count, seed);
  }
  void forget_unwritten() {
    const T nan = narrow_to<T>(std::nanf(""));
    for (std::size_t i = 0; i < prompt_keys_.size(); ++i) {
      const std::size_t row = i / static_cast<std::size_t>(shape_.head_dim);
      const auto capacity = static_cast<std::size_t>(prompt_capacity());
      const std::size_t sequence = row / capacity / static_cast<std::size_t>(shape_.kv_heads);
      if (row % capacity < static_cast<std::size_t>(shape_.prompts[sequence])) continue;
      prompt_keys_[i] = prompt_values_[i] = nan;
    }
    for (std::size_t i = 0; i < response_keys_.size(); ++i) {
      const std::size_t row = i / static_cast<std::size_t>(shape_.head_dim);
      if (row % static_cast<std::size_t>(response_capacity()) < static_cast<std::size_t>(shape_.response))
        continue;
      response_keys_[i] = response_values_[i] = nan;
    }
  }
  // NaN is equal to NaN.
  static bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return std::ranges::equal(a, b,
                              [](T x, T y) { return bits_of_float(widen(x)) == bits_of_float(widen(y)); });
  }

  DecodeCase shape_;
  std::vector<T> prompt_keys_, prompt_values_, response_keys_, response_values_, product_, output_;
  std::vector<std::int64_t> cells_;
};

class DecodeBodyOf : public ::testing::TestWithParam<DecodeCase> {
 protected:
  // The result is rounded to T once: half a unit in the last place. float32 adds its own errors, which
  // exponentials of large scores enlarge.
  template <class T>
  static void expect_definition() {
    const double inexactness = 1e-5 * GetParam().query_scale;
    DecodeInputs<T> inputs(GetParam());
    const DecodeInputs<T> before = inputs;
    const DecodeTask<T> task = inputs.make_task();
    ASSERT_TRUE(is_decodable(task));
    launch(task, nullptr);
    inputs.expect_pool_to_hold_the_new_tokens(before);
    for (std::int64_t row = 0; row < inputs.rows(); ++row) {
      for (int head = 0; head < inputs.heads(); ++head) {
        const std::vector<double> expected = before.attend_by_definition(row, head);
        for (int i = 0; i < task.head_dim; ++i) {
          const double value = expected[static_cast<std::size_t>(i)];
          ASSERT_NEAR(inputs.output_at(row, head, i), value,
                      1.01 * kHalfUlp<T> * std::abs(value) + inexactness)
              << "row " << row << ", head " << head << ", element " << i;
        }
      }
    }
  }
};

TEST_P(DecodeBodyOf, SeesThePromptAndItsOwnResponseInFloat32) {
  expect_definition<float>();
}
TEST_P(DecodeBodyOf, SeesThePromptAndItsOwnResponseInBFloat16) {
  expect_definition<BFloat16>();
}

std::vector<DecodeCase> list_cases() {
  // Slots out of order and behind gaps, of sequences that are not equally long.
  const std::vector<Branch> two_sequences = {{0, 3}, {0, 0}, {0, 1}, {1, 0}, {1, 3}};
  std::vector<DecodeCase> cases;
  for (const std::int64_t window : {0, 1, 2, 36, 41, 1000})
    cases.push_back({{37, 5}, two_sequences, 3, window, 2, 2, 8});
  cases.push_back({{1}, {{0, 0}}, 0, 0, 1, 1, 64});
  cases.push_back({{1, 96, 64}, {{2, 1}, {0, 0}}, 0, 0, 3, 1, 16});
  cases.push_back({{45, 130, 1}, {{0, 2}, {1, 1}, {2, 0}}, 33, 0, 2, 7, 64});
  cases.push_back({{45, 130, 1}, {{0, 2}, {1, 1}, {2, 0}}, 33, 40, 2, 7, 64});
  cases.push_back({{100, 3}, two_sequences, 1, 0, 2, 7, 128, 40});
  cases.push_back({{70}, {{0, 1}}, 2, 0, 1, 16, 128, 10});
  cases.push_back({{66}, {{0, 0}}, 5, 68, 2, 4, 256});
  cases.push_back({{40, 2}, two_sequences, 1, 0, 1, 3, 96});
  cases.push_back({{40, 2}, two_sequences, 1, 0, 1, 5, 80, 20});
  cases.push_back({{33}, {{0, 0}}, 0, 33, 1, 11, 200});
  // One block, as large as on a GPU.
  cases.push_back({{600}, {{0, 2}}, 50, 0, 1, 7, 128, 10});
  cases.push_back({{300}, {{0, 0}}, 7, 270, 1, 16, 64});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Shapes, DecodeBodyOf, ::testing::ValuesIn(list_cases()), [](const auto& info) {
  const DecodeCase& shape = info.param;
  return "Case" + std::to_string(info.index) + "Group" + std::to_string(shape.group) + "HeadDim" +
         std::to_string(shape.head_dim) + "Window" + std::to_string(shape.window);
});

struct BlockSizeCheck {
  template <class Body>
  void run(const Body& body, std::int64_t /*rows*/, int /*columns*/) const {
    constexpr int kMostBytes = 48 << 10;  // what CUDA gives a block that does not ask for more
    EXPECT_LE(body.count_scratch(Body::kThreads), kMostBytes / static_cast<int>(sizeof(float)));
    EXPECT_GE(Body::kThreads, body.task.head_dim / Body::kValueVector);
  }
};

TEST(DecodeBody, FitsIntoABlockOfCuda) {
  BlockSizeCheck launcher;
  for (int group = 1; group <= kMostGroup; ++group) {
    start(DecodeTask<float>{.group = group, .head_dim = kMostHeadDim}, launcher);
    start(DecodeTask<BFloat16>{.group = group, .head_dim = kMostHeadDim}, launcher);
  }
}

TEST(DecodeBody, TakesWhatIsWholeVectors) {
  DecodeInputs<BFloat16> inputs({{3}, {{0, 0}}, 0, 0, 1, 2, 16});
  const DecodeTask<BFloat16> task = inputs.make_task();
  EXPECT_TRUE(is_decodable(task));
  const auto changed = [&](auto change) {
    DecodeTask<BFloat16> other = task;
    change(other);
    return is_decodable(other);
  };
  EXPECT_FALSE(changed([](auto& other) { other.group = 17; }));
  EXPECT_FALSE(changed([](auto& other) { other.head_dim = 12; }));
  EXPECT_FALSE(changed([](auto& other) { other.head_dim = 264; }));
  EXPECT_FALSE(changed([](auto& other) { ++other.q; }));
  EXPECT_FALSE(changed([](auto& other) { other.v_stride += 4; }));
  EXPECT_FALSE(changed([](auto& other) { other.prompt_capacity = std::int64_t{1} << 31; }));
}

}  // namespace
}  // namespace lacuna::cuda
