// Propagate: a void layer's update is dropped for that token, the next layer sees the carried state.
#pragma once

#include "worker/lac/stream_recorder.h"

namespace lacuna {

class PropagateRecorder : public StreamRecorder {
 public:
  // `token_alphas`: the threshold of every token of the pass. Rows have one decision set, and for norms those
  // of the layers' candidate outputs.
  PropagateRecorder(RecorderOptions options, std::vector<double> token_alphas);

  void on_embedding(const at::Tensor& stream) override;
  at::Tensor on_layer(LayerIndex layer, const at::Tensor& carried, const at::Tensor& candidate) override;
  void finish() override;
  [[nodiscard]] Readout find_readout(std::int64_t row, std::int64_t token, LacMode mode,
                                     std::int64_t alpha) const override;
  [[nodiscard]] at::Tensor gather_states(std::span<const Readout> readouts) const override;

 private:
  std::vector<double> token_alphas_;
  at::Tensor alphas_;               // the same, where the norms lie
  at::Tensor carried_norms_;        // [tokens], of the state that the next layer sees
  std::vector<at::Tensor> norms_;   // [layers + 1] of [tokens], of the candidates
  std::vector<at::Tensor> active_;  // [layers] of [tokens]
  at::Tensor final_states_;         // [kept tokens, hidden]
};

}  // namespace lacuna
