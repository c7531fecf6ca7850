// Our kernels for a GPU behind tensors, against LibTorch's operators on the same device. In a build without
// CUDA the kernels are emulated on the CPU.
#include "worker/nn/cuda_kernels.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/worker/test_device.h"
#include "worker/nn/decode_attention.h"
#include "worker/nn/kernel_stream.h"
#include "worker/nn/prefill_attention.h"
#include "worker/nn/rms_norm.h"
#include "worker/nn/rotary_embedding.h"

namespace lacuna::testing {
namespace {

const LayerIndex kLayer(1);

at::Tensor draw(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType dtype) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions()).to(test_device(), dtype);
}

// In bfloat16 a rounding of the result and one of an intermediate one.
::testing::AssertionResult are_close(const at::Tensor& ours, const at::Tensor& expected,
                                     double bfloat16_tolerance = 1.0 / 64) {
  if (ours.scalar_type() != expected.scalar_type() || ours.sizes() != expected.sizes())
    return ::testing::AssertionFailure() << "another dtype or shape: " << ours.sizes();
  const double tolerance = ours.scalar_type() == at::kFloat ? 1e-5 : bfloat16_tolerance;
  const at::Tensor difference = (ours.to(at::kFloat) - expected.to(at::kFloat)).abs();
  if (at::allclose(ours.to(at::kFloat), expected.to(at::kFloat), tolerance, tolerance))
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "largest difference " << difference.max().item<float>();
}

// The `index`-th of `count` equal column ranges of a product [tokens, count * width]: rows apart.
at::Tensor take_columns(const at::Tensor& product, std::int64_t index, std::int64_t width) {
  return product.narrow(1, index * width, width);
}

class CudaKernels : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override {
    if (!find_kernel_stream(test_device())) GTEST_SKIP() << "no kernels for this device";
    if (!measure_l2_on_gpu(draw({1, 8}, 0, at::kFloat))) GTEST_SKIP() << "LACUNA_CUDA_KERNELS=off";
  }

  [[nodiscard]] static at::ScalarType dtype() { return GetParam(); }
  const at::NoGradGuard no_grad_;
};

TEST_P(CudaKernels, NormaliseAsTheOperatorsDo) {
  for (const std::int64_t width : {48, 896, 3584, 45}) {
    const at::Tensor x = take_columns(draw({5, 2 * width}, 1, dtype()), 1, width);
    const at::Tensor weight = draw({width}, 2, dtype());
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor expected =
        weight * (wide * at::rsqrt((wide * wide).mean(-1, true) + 1e-2)).to(x.scalar_type());
    const auto ours = normalize_rms_on_gpu(x, weight, 1e-2);
    ASSERT_TRUE(ours);
    EXPECT_TRUE(are_close(*ours, expected)) << width;
  }
}

TEST_P(CudaKernels, MeasureAsTheOperatorsDo) {
  for (const std::int64_t width : {48, 896, 3584, 45}) {
    const at::Tensor x = draw({5, width}, 1, dtype());
    const auto ours = measure_l2_on_gpu(x);
    ASSERT_TRUE(ours);
    EXPECT_TRUE(are_close(*ours, at::norm(x.to(at::kFloat), 2, {1}))) << width;
    // A single row may have any stride.
    const auto first = measure_l2_on_gpu(x.as_strided({1, width}, {1, 1}));
    ASSERT_TRUE(first);
    EXPECT_TRUE(are_close(*first, ours->narrow(0, 0, 1)));
  }
}

TEST_P(CudaKernels, RotateAsTheOperatorsDo) {
  for (const std::int64_t head_dim : {8, 64, 128}) {
    constexpr std::int64_t kTokens = 6;
    constexpr std::int64_t kHeads = 7;
    const RotaryEmbedding rope(head_dim, 1e4, std::nullopt);
    const RotaryAngles angles = rope.compute_angles(
        at::arange(kTokens, draw({1}, 0, at::kFloat).options().dtype(at::kLong)), dtype());
    const at::Tensor x =
        take_columns(draw({kTokens, 3 * kHeads * head_dim}, 3, dtype()), 1, kHeads * head_dim)
            .view({kTokens, kHeads, head_dim});
    const at::Tensor turned =
        at::cat({-x.narrow(-1, head_dim / 2, head_dim / 2), x.narrow(-1, 0, head_dim / 2)}, -1);
    const auto ours = rotate_on_gpu(x, angles.cosine, angles.sine);
    ASSERT_TRUE(ours);
    EXPECT_TRUE(ours->is_contiguous());
    EXPECT_TRUE(are_close(*ours, x * angles.cosine.unsqueeze(1) + turned * angles.sine.unsqueeze(1)));
  }
}

TEST_P(CudaKernels, GateAsTheOperatorsDo) {
  for (const std::int64_t width : {48, 4864, 45}) {
    const at::Tensor product = draw({5, 2 * width}, 1, dtype());
    const at::Tensor gate = take_columns(product, 0, width);
    const at::Tensor up = take_columns(product, 1, width);
    const auto ours = apply_silu_gate_on_gpu(gate, up);
    ASSERT_TRUE(ours);
    EXPECT_TRUE(are_close(*ours, at::silu(gate) * up)) << width;
  }
}

TEST_P(CudaKernels, LeaveToOthersWhatTheyDoNotTake) {
  const at::Tensor x = draw({4, 48}, 1, dtype());
  const auto measures = [](const at::Tensor& tensor) { return measure_l2_on_gpu(tensor).has_value(); };
  EXPECT_TRUE(measures(x));
  EXPECT_FALSE(measures(x.to(at::kDouble)));
  EXPECT_FALSE(measures(x.t()));
  EXPECT_FALSE(measures(x.narrow(0, 0, 0)));
  EXPECT_FALSE(normalize_rms_on_gpu(x, draw({48}, 2, at::kDouble), 1e-6));
  EXPECT_FALSE(rotate_on_gpu(x.view({4, 2, 24}).transpose(0, 1), x, x));
  EXPECT_FALSE(apply_silu_gate_on_gpu(x, x.to(at::kDouble)));
  {
    const WithoutCudaKernels comparison;
    EXPECT_FALSE(measures(x));
  }
  const at::AutoGradMode gradients(true);
  EXPECT_FALSE(measures(x));
}

// A batch of prompts in a pool of two layers, with branches in slots out of order.
struct Batch {
  static constexpr std::int64_t kKvHeads = 2;

  Batch(std::int64_t group, std::int64_t head_dim, at::ScalarType dtype)
      : heads(kKvHeads * group), head_dim(head_dim), dtype(dtype) {
    const auto pool =
        std::make_shared<CachePool>(CachePoolShape{.layers = 2,
                                                   .sequences = static_cast<std::int64_t>(lengths.size()),
                                                   .slots = 4,
                                                   .kv_heads = kKvHeads,
                                                   .head_dim = head_dim,
                                                   .capacity = {.prompt = 70, .response = 5}},
                                    at::TensorOptions().device(test_device()).dtype(dtype));
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      caches.emplace_back(pool, 2, static_cast<std::int64_t>(i));
    }
    std::vector<PromptSpan> prompts;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      prompts.push_back({tokens, lengths[i], &caches[i]});
      spans.push_back({rows, slots[i], &caches[i]});
      tokens += lengths[i];
      rows += static_cast<std::int64_t>(slots[i].size());
    }
    PrefillAttention prefill(std::move(prompts), AttentionPath::kOperators);
    attend(prefill, tokens, 10, 0);
  }

  // Queries, keys and values as columns of one product.
  at::Tensor attend(AttentionBackend& backend, std::int64_t tokens, std::uint64_t seed,
                    std::int64_t window) const {
    const at::Tensor product = draw({tokens, heads + 2 * kKvHeads, head_dim}, seed, dtype);
    return backend.attend(kLayer, product.narrow(1, 0, heads), product.narrow(1, heads, kKvHeads),
                          product.narrow(1, heads + kKvHeads, kKvHeads), window);
  }

  // Some steps; their outputs one after another.
  at::Tensor decode(std::int64_t window) {
    std::vector<at::Tensor> outputs;
    for (std::uint64_t step = 0; step < 4; ++step) {
      DecodeAttention attention(spans, AttentionPath::kOperators);
      outputs.push_back(attend(attention, rows, 20 + step, window));
      for (SequenceCache& cache : caches) cache.advance();
    }
    return at::cat(outputs);
  }

  std::int64_t heads, head_dim;
  at::ScalarType dtype;
  std::vector<std::int64_t> lengths = {70, 1, 33};
  std::vector<std::vector<std::int64_t>> slots = {{3, 0}, {0, 1, 2}, {1}};
  std::vector<SequenceCache> caches;
  std::vector<BranchSpan> spans;
  std::int64_t rows = 0;
};

TEST_P(CudaKernels, AttendAPoolAsTheOperatorsDo) {
  for (const auto& [group, head_dim] : {std::pair<std::int64_t, std::int64_t>{7, 128}, {7, 64}, {1, 16}}) {
    for (const std::int64_t window : {0, 3, 36}) {
      Batch batch(group, head_dim, dtype());
      const at::Tensor ours = batch.decode(window);
      Batch same(group, head_dim, dtype());
      const WithoutCudaKernels comparison;
      const at::Tensor theirs = same.decode(window);
      // The operators round scores and weights to bfloat16.
      EXPECT_TRUE(are_close(ours, theirs, 0.05))
          << "group " << group << ", head_dim " << head_dim << ", window " << window;
      // Sums in another order: equal in every bit would mean that ours are the operators', too.
      EXPECT_FALSE(dtype() == at::kFloat && at::equal(ours, theirs)) << "group " << group;
      for (const auto& tensor : {&CachePool::response_keys, &CachePool::response_values}) {
        EXPECT_TRUE(at::equal((batch.caches.front().pool()->*tensor)(kLayer),
                              (same.caches.front().pool()->*tensor)(kLayer)));
      }
    }
  }
}

TEST_P(CudaKernels, HeadsTheyDoNotTakeAreAttendedByOperators) {
  for (const auto& [group, head_dim] : {std::pair<std::int64_t, std::int64_t>{2, 12}, {17, 8}, {1, 264}}) {
    Batch batch(group, head_dim, dtype());
    const at::Tensor q = draw({1, batch.heads, head_dim}, 1, dtype());
    EXPECT_FALSE(attends_pool_on_gpu(*batch.caches.front().pool(), q));
    EXPECT_EQ(batch.decode(0).size(1), batch.heads * head_dim);
  }
  const Batch taken(2, 8, dtype());
  EXPECT_TRUE(attends_pool_on_gpu(*taken.caches.front().pool(), draw({1, taken.heads, 8}, 1, dtype())));
}

INSTANTIATE_TEST_SUITE_P(Types, CudaKernels, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return std::string(at::toString(info.param)); });

}  // namespace
}  // namespace lacuna::testing
