#include "worker/lac/shared_stream_recorder.h"

#include <cstdint>
#include <map>
#include <vector>

#include "worker/nn/compute_device.h"

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
  const at::Tensor norms = round_norms(at::stack(norms_));
  record(norms, rule().find_all_active(norms, make_alphas(alphas_, norms)));
}

Readout SharedStreamRecorder::find_readout(std::int64_t row, std::int64_t token, LacMode mode,
                                           std::int64_t alpha) const {
  if (mode == LacMode::kExit) return {row, rows_.exit_layer(token, alpha)};
  return {row, LayerIndex(static_cast<std::int32_t>(options().layers - 1))};
}

at::Tensor SharedStreamRecorder::gather_states(std::span<const Readout> readouts) const {
  // One look-up a layer, whatever the number of rows.
  std::map<LayerIndex, std::vector<std::size_t>> by_layer;
  for (std::size_t index = 0; index < readouts.size(); ++index) {
    by_layer[readouts[index].layer].push_back(index);
  }
  std::vector<std::int64_t> rows;                    // of the states, layer by layer
  std::vector<std::int64_t> place(readouts.size());  // of each readout among them
  for (const auto& [layer, members] : by_layer) {
    for (const std::size_t index : members) {
      place[index] = static_cast<std::int64_t>(rows.size());
      rows.push_back(readouts[index].row);
    }
  }
  const at::Device device = states_.front().device();
  const at::Tensor row_index = to_device(rows, device);
  std::vector<at::Tensor> found;
  std::int64_t first = 0;
  for (const auto& [layer, members] : by_layer) {
    const auto count = static_cast<std::int64_t>(members.size());
    const auto state = static_cast<std::size_t>(std::int64_t{layer.value()} + 1);
    found.push_back(states_[state].index_select(0, row_index.narrow(0, first, count)));
    first += count;
  }
  if (found.size() == 1) return found.front();
  return at::cat(found).index_select(0, to_device(place, device));
}

}  // namespace lacuna
