// Trace and exit: the stream is left alone, so one pass serves every threshold.
#pragma once

#include "worker/lac/stream_recorder.h"

namespace lacuna {

class SharedStreamRecorder : public StreamRecorder {
 public:
  // Decides for all of `alphas`; its rows have that many decision sets.
  SharedStreamRecorder(RecorderOptions options, std::vector<double> alphas);

  void on_embedding(const at::Tensor& stream) override;
  at::Tensor on_layer(LayerIndex layer, const at::Tensor& carried, const at::Tensor& candidate) override;
  void finish() override;
  [[nodiscard]] Readout find_readout(std::int64_t row, std::int64_t token, LacMode mode,
                                     std::int64_t alpha) const override;
  [[nodiscard]] at::Tensor gather_states(std::span<const Readout> readouts) const override;

 private:
  std::vector<double> alphas_;
  std::vector<at::Tensor> norms_;   // [layers + 1] of [tokens], float32
  std::vector<at::Tensor> states_;  // [layers + 1] of [kept tokens, hidden]
};

}  // namespace lacuna
