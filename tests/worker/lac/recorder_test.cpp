#include <gtest/gtest.h>

#include "worker/lac/propagate_recorder.h"
#include "worker/lac/shared_stream_recorder.h"

namespace lacuna {
namespace {

// A stream of two tokens in one dimension, so that a state's norm is its value.
at::Tensor make_stream(float first, float second) {
  return at::tensor({first, second}).view({2, 1});
}

RecorderOptions make_options(std::int64_t layers) {
  return {.layers = layers,
          .norm_precision = NormPrecision::kFloat32,
          .model_dtype = at::kFloat,
          .kept_tokens = {}};
}

TEST(SharedStreamRecorder, LeavesTheStreamAloneAndFindsEveryThresholdsExit) {
  SharedStreamRecorder recorder(make_options(3), {0.1, 0.9});
  recorder.on_embedding(make_stream(10, 10));
  // Token 0: deltas 1, 5, 2. Token 1: -1, -1, -1: nothing is active.
  const at::Tensor stream = make_stream(11, 9);
  EXPECT_TRUE(recorder.on_layer(LayerIndex(0), make_stream(10, 10), stream).is_same(stream));
  recorder.on_layer(LayerIndex(1), stream, make_stream(16, 8));
  recorder.on_layer(LayerIndex(2), make_stream(16, 8), make_stream(18, 7));
  recorder.finish();
  EXPECT_EQ(recorder.find_readout(0, 0, LacMode::kExit, 0).layer, LayerIndex(2));   // 2 >= 0.1 * 4
  EXPECT_EQ(recorder.find_readout(0, 0, LacMode::kExit, 1).layer, LayerIndex(1));   // 2 < 0.9 * 4
  EXPECT_EQ(recorder.find_readout(1, 1, LacMode::kExit, 0).layer, LayerIndex(-1));  // the embedding output
  EXPECT_EQ(recorder.find_readout(1, 1, LacMode::kTrace, 0).layer, LayerIndex(2));
  const std::vector<Readout> readouts = {{0, LayerIndex(1)}, {1, LayerIndex(-1)}};
  const at::Tensor states = recorder.gather_states(readouts);
  EXPECT_EQ(states[0][0].item<float>(), 16.0F);
  EXPECT_EQ(states[1][0].item<float>(), 10.0F);
  EXPECT_EQ(recorder.take_rows(1, 1).norms, (std::vector<float>{10, 9, 8, 7}));
}

TEST(PropagateRecorder, DropsVoidUpdatesTokenByToken) {
  PropagateRecorder recorder(make_options(2), {0.5, 0.5});
  recorder.on_embedding(make_stream(10, 10));
  const at::Tensor after = recorder.on_layer(LayerIndex(0), make_stream(10, 10), make_stream(12, 7));
  EXPECT_EQ(after[0][0].item<float>(), 12.0F);  // grew: active
  EXPECT_EQ(after[1][0].item<float>(), 10.0F);  // shrank: void, the state stays
  recorder.on_layer(LayerIndex(1), after, make_stream(13, 11));
  recorder.finish();
  // The candidate norms are recorded, dropped or not; the next delta starts from the carried state.
  EXPECT_EQ(recorder.take_rows(1, 1).norms, (std::vector<float>{10, 7, 11}));
  EXPECT_TRUE(recorder.take_rows(1, 1).is_active(0, 0, 1));
  EXPECT_FALSE(recorder.take_rows(1, 1).is_active(0, 0, 0));
}

}  // namespace
}  // namespace lacuna
