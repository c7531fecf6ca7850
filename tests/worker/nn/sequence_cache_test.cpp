#include "worker/nn/sequence_cache.h"

#include <gtest/gtest.h>

namespace lacuna {
namespace {

TEST(SequenceCache, AForkKeepsTheCommonPartAndThenGoesItsOwnWay) {
  const LayerIndex layer(0);
  SequenceCache cache(1, {.prompt = 5, .response = 3});
  cache.write_prompt(layer, 0, at::zeros({5, 1, 2}), at::zeros({5, 1, 2}));
  EXPECT_EQ(cache.prompt_length(), 5);
  cache.write_response(layer, {0}, at::full({1, 1, 2}, 1.0), at::full({1, 1, 2}, 10.0));
  cache.advance();
  cache.fork(0, 3);
  cache.write_response(layer, {0, 3}, at::tensor({2.0F, 2.0F, 3.0F, 3.0F}).view({2, 1, 2}),
                       at::tensor({20.0F, 20.0F, 30.0F, 30.0F}).view({2, 1, 2}));
  const at::Tensor keys = cache.response_keys(layer, {3, 0});  // [2, 1, 2, 2]
  EXPECT_EQ(keys.sizes(), (std::vector<std::int64_t>{2, 1, 2, 2}));
  EXPECT_EQ(keys[0][0][0][0].item<float>(), 1.0F);
  EXPECT_EQ(keys[0][0][1][0].item<float>(), 3.0F);
  EXPECT_EQ(keys[1][0][1][0].item<float>(), 2.0F);
  EXPECT_EQ(cache.response_values(layer, {3})[0][0][1][1].item<float>(), 30.0F);
}

}  // namespace
}  // namespace lacuna
