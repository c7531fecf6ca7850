#include "worker/lac/propagate_recorder.h"

namespace lacuna {

PropagateRecorder::PropagateRecorder(RecorderOptions options, std::vector<double> token_alphas)
    : StreamRecorder(std::move(options)), token_alphas_(std::move(token_alphas)) {
  const auto tokens = static_cast<std::int64_t>(token_alphas_.size());
  rows_ = TraceRows::zeros(tokens, 1, this->options().layers);
  rule().begin(tokens);
}

std::vector<float> PropagateRecorder::record_norms(const at::Tensor& stream, std::int64_t column) {
  const at::Tensor norms = measure_norms(stream).to(at::kCPU).contiguous();
  const float* const values = norms.data_ptr<float>();
  const std::int64_t width = rows_.layers + 1;
  for (std::int64_t token = 0; token < rows_.tokens; ++token) {
    rows_.norms[static_cast<std::size_t>(token * width + column)] = values[token];
  }
  return {values, values + rows_.tokens};
}

void PropagateRecorder::on_embedding(const at::Tensor& stream) {
  carried_norms_ = record_norms(stream, 0);
}

at::Tensor PropagateRecorder::on_layer(LayerIndex layer, const at::Tensor& carried,
                                       const at::Tensor& candidate) {
  const std::vector<float> candidate_norms = record_norms(candidate, layer.value() + 1);
  rule().observe_layer(carried_norms_, candidate_norms);
  at::Tensor active = at::empty({rows_.tokens, 1}, at::kBool);
  bool* const is_kept = active.data_ptr<bool>();
  for (std::int64_t token = 0; token < rows_.tokens; ++token) {
    const auto index = static_cast<std::size_t>(token);
    is_kept[token] = rule().is_active(token, token_alphas_[index]);
    if (!is_kept[token]) continue;
    rows_.set_active(token, 0, layer.value());
    carried_norms_[index] = candidate_norms[index];
  }
  at::Tensor stream = at::where(active.to(candidate.device()), candidate, carried);
  if (layer.value() + 1 == rows_.layers) final_states_ = keep(stream);
  return stream;
}

Readout PropagateRecorder::find_readout(std::int64_t row, std::int64_t /*token*/, LacMode /*mode*/,
                                        std::int64_t /*alpha*/) const {
  return {row, LayerIndex(static_cast<std::int32_t>(rows_.layers - 1))};
}

at::Tensor PropagateRecorder::gather_states(std::span<const Readout> readouts) const {
  std::vector<at::Tensor> rows;
  rows.reserve(readouts.size());
  for (const Readout& readout : readouts) rows.push_back(final_states_.select(0, readout.row));
  return at::stack(rows);
}

}  // namespace lacuna
