#include "worker/lac/stream_recorder.h"

#include "worker/nn/rms_norm.h"

namespace lacuna {
namespace {

RuleArithmetic choose_arithmetic(const RecorderOptions& options) {
  const bool as_model = options.norm_precision == NormPrecision::kModel;
  return as_model && options.model_dtype == at::kBFloat16 ? RuleArithmetic::kBFloat16
                                                          : RuleArithmetic::kFloat32;
}

}  // namespace

StreamRecorder::StreamRecorder(RecorderOptions options)
    : options_(std::move(options)),
      arithmetic_(choose_arithmetic(options_)),
      rule_(make_void_rule(kPaperRule, arithmetic_)) {}

at::Tensor StreamRecorder::measure_norms(const at::Tensor& stream) const {
  if (options_.keep_alive) options_.keep_alive();
  at::Tensor norms = measure_l2_norms(stream);
  if (arithmetic_ == RuleArithmetic::kBFloat16) norms = norms.to(at::kBFloat16).to(at::kFloat);
  return norms;
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
