#include "worker/nn/linear.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "worker/nn/compute_threads.h"

namespace lacuna {
namespace {

at::Tensor make_random(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions());
}

TEST(Linear, TilesGiveTheProduct) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = make_random({700, 96}, 1);
  const Linear linear{make_random({1100, 96}, 2), make_random({1100}, 3)};
  const at::Tensor expected =
      (at::matmul(x.to(at::kDouble), linear.weight.to(at::kDouble).t()) + linear.bias).to(at::kFloat);
  EXPECT_TRUE(at::allclose(linear.forward(x), expected, 1e-4, 1e-4));
}

// The promise behind "the same bits for any number of workers": threads never change a sum.
TEST(Linear, TheNumberOfThreadsDoesNotChangeOneBit) {
  const at::NoGradGuard no_grad;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t tokens : {1, 3, 64, 600}) {
      const at::Tensor x = make_random({tokens, 896}, 4).to(dtype);
      const Linear linear{make_random({1200, 896}, 5).to(dtype), {}};
      set_compute_threads(1);
      const at::Tensor one = linear.forward(x);
      for (const std::int64_t threads : {2, 3, 5}) {
        set_compute_threads(threads);
        EXPECT_TRUE(at::equal(linear.forward(x), one)) << tokens << " tokens, " << threads << " threads";
      }
    }
  }
  set_compute_threads(1);
}

TEST(Linear, JoinedWeightsGiveTheSameProducts) {
  for (const bool with_gradients : {false, true}) {  // with them nothing is computed in tiles or by kernels
    const at::AutoGradMode mode(with_gradients);
    for (const bool with_bias : {false, true}) {
      const at::Tensor x = make_random({20, 64}, 1);
      std::vector<Linear> linears;
      for (const std::int64_t features : {48, 16, 16}) {
        const auto seed = static_cast<std::uint64_t>(linears.size());
        linears.push_back({make_random({features, 64}, 10 + seed),
                           with_bias ? make_random({features}, 20 + seed) : at::Tensor()});
      }
      std::vector<at::Tensor> apart;
      for (const Linear& linear : linears) apart.push_back(linear.forward(x));
      join_weights({&linears[0], &linears[1], &linears[2]});
      EXPECT_TRUE(linears[2].weight.is_alias_of(linears[0].weight));
      const auto together = forward_together(x, {&linears[0], &linears[1], &linears[2]});
      EXPECT_TRUE(together[2].is_alias_of(together[0])) << "not one product";
      // Not all of them, and in another order: as those that were never joined.
      const auto some = forward_together(x, {&linears[2], &linears[0]});
      EXPECT_FALSE(some[1].is_alias_of(some[0]));
      for (std::size_t i = 0; i < linears.size(); ++i) {
        EXPECT_TRUE(at::allclose(together[i], apart[i], 1e-5, 1e-5));
        EXPECT_TRUE(at::allclose(linears[i].forward(x), apart[i], 1e-5, 1e-5));
      }
      EXPECT_TRUE(at::allclose(some[0], apart[2], 1e-5, 1e-5));
    }
  }
}

TEST(Linear, ABiasThatOnlySomeJoinedWeightsHaveIsAdded) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = make_random({5, 32}, 1);
  Linear without{make_random({16, 32}, 2), {}};
  Linear with{make_random({16, 32}, 3), make_random({16}, 4)};
  const at::Tensor expected = with.forward(x);
  join_weights({&without, &with});
  EXPECT_TRUE(at::allclose(forward_together(x, {&without, &with})[1], expected, 1e-5, 1e-5));
}

// Rounded twice, as where the two are operators of their own.
TEST(Linear, AddsWhatForwardGives) {
  const at::NoGradGuard no_grad;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t tokens : {1, 4, 17, 600}) {
      const at::Tensor x = make_random({tokens, 896}, 4).to(dtype);
      const at::Tensor addend = make_random({tokens, 1210}, 7).to(dtype);
      const Linear linear{make_random({1210, 896}, 5).to(dtype), make_random({1210}, 6).to(dtype)};
      const at::Tensor expected = addend + linear.forward(x);
      EXPECT_TRUE(at::equal(linear.forward_added(x, addend), expected)) << tokens << " tokens";
      // Not contiguous, so that it cannot be added on the way.
      EXPECT_TRUE(at::equal(linear.forward_added(x, addend.t().contiguous().t()), expected));
    }
  }
}

TEST(RunTiles, CallsEveryTileOnceAndPassesExceptionsOn) {
  set_compute_threads(3);
  std::vector<std::atomic<int>> calls(17);
  for (const std::int64_t multiply_adds : {std::int64_t{1}, std::int64_t{1} << 40U}) {
    for (auto& count : calls) count = 0;
    run_tiles(at::kCPU, 17, multiply_adds,
              [&](std::int64_t tile) { ++calls[static_cast<std::size_t>(tile)]; });
    for (const auto& count : calls) EXPECT_EQ(count.load(), 1);
  }
  EXPECT_THROW(
      run_tiles(at::kCPU, 1, std::int64_t{1} << 40U, [](std::int64_t) { throw std::runtime_error("tile"); }),
      std::runtime_error);
  set_compute_threads(1);
}

}  // namespace
}  // namespace lacuna
