#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "worker/nn/compute_threads.h"
#include "worker/nn/gated_mlp.h"

namespace lacuna {
namespace {

at::Tensor make_random(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions());
}

GatedMlp make_mlp() {
  return {.gate = {make_random({257, 40}, 1), {}},
          .up = {make_random({257, 40}, 2), {}},
          .down = {make_random({40, 257}, 3), {}}};
}

TEST(GatedMlp, IsItsFormula) {
  const at::NoGradGuard no_grad;
  const GatedMlp mlp = make_mlp();
  const at::Tensor x = make_random({130, 40}, 4);
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor gate = at::matmul(wide, mlp.gate.weight.to(at::kDouble).t());
  const at::Tensor up = at::matmul(wide, mlp.up.weight.to(at::kDouble).t());
  const at::Tensor expected = at::matmul(gate * at::sigmoid(gate) * up, mlp.down.weight.to(at::kDouble).t());
  const at::Tensor stream = make_random({130, 40}, 6);
  EXPECT_TRUE(at::allclose(mlp.forward_added(x, stream), (stream + expected).to(at::kFloat), 1e-4, 1e-2));
}

// At these sizes LibTorch's own split over threads changes the last bit of some elements of silu. The last
// product is by one, so that every one of them shows.
TEST(GatedMlp, TheNumberOfThreadsDoesNotChangeOneBit) {
  const at::NoGradGuard no_grad;
  GatedMlp mlp = make_mlp();
  mlp.down = {at::eye(257), {}};
  for (const std::int64_t tokens : {397, 499, 601, 1003}) {
    const at::Tensor x = 0.2 * make_random({tokens, 40}, 5);
    set_compute_threads(1);
    const at::Tensor nothing = at::zeros({tokens, 257});
    const at::Tensor one = mlp.forward_added(x, nothing);
    for (const std::int64_t threads : {2, 3, 4, 5, 7}) {
      set_compute_threads(threads);
      EXPECT_TRUE(at::equal(mlp.forward_added(x, nothing), one))
          << tokens << " tokens, " << threads << " threads";
    }
  }
  set_compute_threads(1);
}

// The path through the kernels, where this processor has them, against float64.
TEST(GatedMlp, IsItsFormulaInBFloat16) {
  const at::NoGradGuard no_grad;
  for (const std::int64_t width : {96, 100}) {  // 100: not what AMX takes for the last product
    const GatedMlp mlp{.gate = {(0.1 * make_random({width, 64}, 1)).to(at::kBFloat16),
                                make_random({width}, 7).to(at::kBFloat16)},
                       .up = {(0.1 * make_random({width, 64}, 2)).to(at::kBFloat16), {}},
                       .down = {(0.1 * make_random({50, width}, 3)).to(at::kBFloat16), {}}};
    for (const std::int64_t tokens : {1, 7, 33, 600}) {
      const at::Tensor x = make_random({tokens, 64}, 4).to(at::kBFloat16);
      const at::Tensor stream = make_random({tokens, 50}, 6).to(at::kBFloat16);
      const auto multiply = [](const at::Tensor& factor, const at::Tensor& weight) {
        return at::matmul(factor, weight.to(at::kDouble).t());
      };
      const at::Tensor wide = x.to(at::kDouble);
      const at::Tensor gate = multiply(wide, mlp.gate.weight) + mlp.gate.bias.to(at::kDouble);
      const at::Tensor expected =
          stream.to(at::kDouble) +
          multiply(gate * at::sigmoid(gate) * multiply(wide, mlp.up.weight), mlp.down.weight);
      EXPECT_TRUE(at::allclose(mlp.forward_added(x, stream).to(at::kDouble), expected, 0.01, 0.03))
          << width << " wide, " << tokens << " tokens";
    }
  }
}

}  // namespace
}  // namespace lacuna
