#include "worker/lac/stream_recorder.h"

#include "worker/nn/rms_norm.h"

namespace lacuna {
namespace {

at::ScalarType choose_arithmetic(const RecorderOptions& options) {
  const bool as_model = options.norm_precision == NormPrecision::kModel;
  return as_model && options.model_dtype == at::kBFloat16 ? at::kBFloat16 : at::kFloat;
}

// bool [layers, alphas, tokens] -> uint8 [tokens, alphas, bytes] as in TraceRows::active.
at::Tensor pack_layers(const at::Tensor& active) {
  const std::int64_t bytes = packed_layer_bytes(active.size(0));
  const at::Tensor by_token = active.permute({2, 1, 0}).to(at::kByte);
  const at::Tensor padded = at::constant_pad_nd(by_token, {0, 8 * bytes - active.size(0)});
  const at::Tensor bits = padded.view({active.size(2), active.size(1), bytes, 8});
  // Whole numbers below 256, so that the order of a sum does not matter.
  at::Tensor packed = bits.select(3, 7).clone();
  for (std::int64_t bit = 0; bit < 7; ++bit) packed.add_(bits.select(3, bit), 1 << (7 - bit));
  return packed;
}

}  // namespace

StreamRecorder::StreamRecorder(RecorderOptions options)
    : options_(std::move(options)),
      arithmetic_(choose_arithmetic(options_)),
      rule_(make_void_rule(kPaperRule)) {}

at::Tensor StreamRecorder::measure_norms(const at::Tensor& stream) const {
  if (options_.keep_alive) options_.keep_alive();
  return measure_l2_norms(stream);
}

at::Tensor StreamRecorder::make_alphas(const std::vector<double>& alphas, const at::Tensor& norms) {
  return at::tensor(alphas, at::TensorOptions().dtype(at::kFloat))
      .to(norms.device(), norms.scalar_type(), /*non_blocking=*/true);
}

void StreamRecorder::record(const at::Tensor& norms, const at::Tensor& active) {
  const at::Tensor values = norms.t().to(at::kCPU, at::kFloat).contiguous();
  const at::Tensor bytes = pack_layers(active).to(at::kCPU).contiguous();
  rows_.tokens = norms.size(1);
  rows_.layers = active.size(0);
  rows_.alphas = active.size(1);
  rows_.norms.assign(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
  rows_.active.assign(bytes.data_ptr<std::uint8_t>(), bytes.data_ptr<std::uint8_t>() + bytes.numel());
}

at::Tensor StreamRecorder::keep(const at::Tensor& stream) const {
  return options_.kept_tokens.defined() ? stream.index_select(0, options_.kept_tokens) : stream;
}

TraceRows StreamRecorder::take_rows(std::int64_t first_token, std::int64_t count) const {
  TraceRows rows;
  rows.tokens = count;
  rows.alphas = rows_.alphas;
  rows.layers = rows_.layers;
  const auto norms_begin = rows_.norms.begin() + first_token * (rows_.layers + 1);
  rows.norms.assign(norms_begin, norms_begin + count * (rows_.layers + 1));
  const std::int64_t token_bytes = rows_.alphas * packed_layer_bytes(rows_.layers);
  const auto active_begin = rows_.active.begin() + first_token * token_bytes;
  rows.active.assign(active_begin, active_begin + count * token_bytes);
  return rows;
}

}  // namespace lacuna
