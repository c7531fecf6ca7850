#include "apps/demo_maker/exit_report.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "worker/lac/shared_stream_recorder.h"
#include "worker/nn/dense_causal_attention.h"

namespace lacuna {
namespace {

// Right answers by kind, from one verdict a chooser token.
std::vector<std::size_t> count_right(const at::Tensor& hits, const std::vector<TrainingSample>& samples,
                                     std::size_t kinds) {
  std::vector<std::size_t> right(kinds, 0);
  const auto values = hits.accessor<bool, 1>();
  std::int64_t row = 0;
  for (const TrainingSample& sample : samples) {
    bool all_hit = true;
    for (std::size_t i = sample.answer_begin; i < sample.ids.size(); ++i) all_hit &= values[row++];
    right[sample.kind] += all_hit ? 1 : 0;
  }
  return right;
}

at::Tensor find_hits(const CausalLm& model, const SharedStreamRecorder& recorder,
                     const std::vector<Readout>& readouts, const at::Tensor& answers) {
  const at::Tensor logits = model.compute_logits(recorder.gather_states(readouts));
  return at::eq(at::argmax(logits, -1), answers);
}

}  // namespace

ExitReport measure_exits(const CausalLm& model, const std::vector<TrainingSample>& samples,
                         const std::vector<double>& alphas) {
  const at::NoGradGuard no_grad;
  std::vector<const TrainingSample*> all;
  ExitReport report;
  for (const TrainingSample& sample : samples) {
    all.push_back(&sample);
    if (report.asked.size() <= sample.kind) report.asked.resize(sample.kind + 1, 0);
    ++report.asked[sample.kind];
  }
  const SampleBatch batch = make_batch(all);
  const std::int64_t layers = model.architecture.layers;
  SharedStreamRecorder recorder(
      {.layers = layers, .model_dtype = model.dtype(), .kept_tokens = batch.choosers}, alphas);
  DenseCausalAttention attention(batch.size, batch.length);
  (void)model.run_layers(batch.ids, batch.positions, attention, recorder);
  recorder.finish();

  const std::int64_t rows = batch.choosers.numel();
  const auto tokens = batch.choosers.accessor<std::int64_t, 1>();
  const auto score = [&](const std::vector<Readout>& readouts) {
    return count_right(find_hits(model, recorder, readouts, batch.answers), samples, report.asked.size());
  };
  const TraceRows trace = recorder.take_rows(0, batch.ids.numel());
  report.growth.assign(static_cast<std::size_t>(layers), 0);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    std::vector<Readout> readouts;
    for (std::int64_t row = 0; row < rows; ++row) {
      readouts.push_back({row, LayerIndex(static_cast<std::int32_t>(layer))});
      const auto norm = static_cast<std::size_t>(tokens[row] * (layers + 1) + layer);
      report.growth[static_cast<std::size_t>(layer)] +=
          static_cast<double>(trace.norms[norm + 1] - trace.norms[norm]) / static_cast<double>(rows);
    }
    const std::vector<std::size_t> right = score(readouts);
    std::size_t sum = 0;
    for (const std::size_t n : right) sum += n;
    report.layer_accuracy.push_back(static_cast<double>(sum) / static_cast<double>(samples.size()));
    if (layer + 1 == layers) report.scores.push_back({-1, right, 1});
  }
  for (std::size_t a = 0; a < alphas.size(); ++a) {
    const auto alpha = static_cast<std::int64_t>(a);
    std::vector<Readout> readouts;
    double active = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      readouts.push_back(recorder.find_readout(row, tokens[row], LacMode::kExit, alpha));
      for (std::int64_t layer = 0; layer < layers; ++layer) {
        active += trace.is_active(tokens[row], alpha, layer) ? 1 : 0;
      }
    }
    report.scores.push_back({alphas[a], score(readouts), active / static_cast<double>(rows * layers)});
  }
  return report;
}

std::string format_report(const ExitReport& report, const std::vector<std::string>& kinds) {
  std::string text = "    alpha";
  for (const std::string& kind : kinds) text += fmt::format("  {:>6}", kind);
  text += "  active layers\n";
  for (const AlphaScore& score : report.scores) {
    text += score.alpha < 0 ? "     none" : fmt::format("     {:.2f}", score.alpha);
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
      text += fmt::format("  {:5.1f}%", 100.0 * static_cast<double>(score.right[kind]) /
                                            static_cast<double>(report.asked[kind]));
    }
    text += fmt::format("  {:.1f}%\n", 100.0 * score.active_share);
  }
  for (std::size_t layer = 0; layer < report.growth.size(); ++layer) {
    text += fmt::format("    layer {}: norm grows by {:.2f}; right when all exit here: {:.1f}%\n", layer,
                        report.growth[layer], 100.0 * report.layer_accuracy[layer]);
  }
  return text;
}

}  // namespace lacuna
