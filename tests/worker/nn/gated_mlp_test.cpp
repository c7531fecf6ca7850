#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "worker/nn/compute_threads.h"
#include "worker/nn/decoder_layer.h"

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

}  // namespace
}  // namespace lacuna
