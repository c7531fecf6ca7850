#include "worker/lac/propagate_recorder.h"

#include "worker/nn/compute_device.h"

namespace lacuna {

PropagateRecorder::PropagateRecorder(RecorderOptions options, std::vector<double> token_alphas)
    : StreamRecorder(std::move(options)), token_alphas_(std::move(token_alphas)) {}

void PropagateRecorder::on_embedding(const at::Tensor& stream) {
  carried_norms_ = round_norms(measure_norms(stream));
  norms_.push_back(carried_norms_);
  alphas_ = make_alphas(token_alphas_, carried_norms_);
}

at::Tensor PropagateRecorder::on_layer(LayerIndex layer, const at::Tensor& carried,
                                       const at::Tensor& candidate) {
  const at::Tensor candidate_norms = round_norms(measure_norms(candidate));
  norms_.push_back(candidate_norms);
  rule().observe_layer(carried_norms_, candidate_norms);
  const at::Tensor active = rule().find_active(alphas_);
  active_.push_back(active);
  carried_norms_ = at::where(active, candidate_norms, carried_norms_);
  at::Tensor stream = at::where(active.unsqueeze(1), candidate, carried);
  if (layer.value() + 1 == options().layers) final_states_ = keep(stream);
  return stream;
}

void PropagateRecorder::finish() {
  record(at::stack(norms_), at::stack(active_).unsqueeze(1));
}

Readout PropagateRecorder::find_readout(std::int64_t row, std::int64_t /*token*/, LacMode /*mode*/,
                                        std::int64_t /*alpha*/) const {
  return {row, LayerIndex(static_cast<std::int32_t>(options().layers - 1))};
}

at::Tensor PropagateRecorder::gather_states(std::span<const Readout> readouts) const {
  std::vector<std::int64_t> rows;
  rows.reserve(readouts.size());
  for (const Readout& readout : readouts) rows.push_back(readout.row);
  return final_states_.index_select(0, to_device(rows, final_states_.device()));
}

}  // namespace lacuna
