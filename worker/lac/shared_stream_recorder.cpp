#include "worker/lac/shared_stream_recorder.h"

#include <algorithm>

namespace lacuna {

SharedStreamRecorder::SharedStreamRecorder(RecorderOptions options, std::vector<double> alphas)
    : StreamRecorder(std::move(options)), alphas_(std::move(alphas)) {}

void SharedStreamRecorder::on_embedding(const at::Tensor& stream) {
  norms_.push_back(measure_norms(stream));
  states_.push_back(keep(stream));
}

at::Tensor SharedStreamRecorder::on_layer(LayerIndex /*layer*/, const at::Tensor& /*carried*/,
                                          const at::Tensor& candidate) {
  norms_.push_back(measure_norms(candidate));
  states_.push_back(keep(candidate));
  return candidate;
}

void SharedStreamRecorder::finish() {
  // One transfer for the whole pass: no layer waits for the host.
  const at::Tensor by_layer = at::stack(norms_).to(at::kCPU).contiguous();  // [layers + 1, tokens]
  const std::int64_t tokens = by_layer.size(1);
  const std::int64_t layers = options().layers;
  rows_ = TraceRows::zeros(tokens, static_cast<std::int64_t>(alphas_.size()), layers);
  const at::Tensor by_token = by_layer.transpose(0, 1).contiguous();
  std::copy_n(by_token.data_ptr<float>(), by_token.numel(), rows_.norms.begin());

  const auto layer_norms = [&](std::int64_t index) {
    return std::span<const float>(by_layer.data_ptr<float>() + index * tokens,
                                  static_cast<std::size_t>(tokens));
  };
  rule().begin(tokens);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    rule().observe_layer(layer_norms(layer), layer_norms(layer + 1));
    for (std::int64_t token = 0; token < tokens; ++token) {
      for (std::int64_t alpha = 0; alpha < rows_.alphas; ++alpha) {
        if (rule().is_active(token, alphas_[static_cast<std::size_t>(alpha)])) {
          rows_.set_active(token, alpha, layer);
        }
      }
    }
  }
}

Readout SharedStreamRecorder::find_readout(std::int64_t row, std::int64_t token, LacMode mode,
                                           std::int64_t alpha) const {
  if (mode == LacMode::kExit) return {row, rows_.exit_layer(token, alpha)};
  return {row, LayerIndex(static_cast<std::int32_t>(options().layers - 1))};
}

at::Tensor SharedStreamRecorder::gather_states(std::span<const Readout> readouts) const {
  std::vector<at::Tensor> rows;
  rows.reserve(readouts.size());
  for (const Readout& readout : readouts) {
    const auto state = static_cast<std::size_t>(readout.layer.value() + 1);
    rows.push_back(states_[state].select(0, readout.row));
  }
  return at::stack(rows);
}

}  // namespace lacuna
