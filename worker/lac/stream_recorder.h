// Records one pass under LAC: norms, decisions, and the states that the output head may read.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/experiment_config.h"
#include "core/keep_alive.h"
#include "core/records.h"
#include "worker/lac/void_rule.h"
#include "worker/models/stream_observer.h"

namespace lacuna {

// A state that the final norm reads: of kept row `row`, after layer `layer` (-1: the embedding output).
struct Readout {
  std::int64_t row = 0;
  LayerIndex layer;
  friend auto operator<=>(const Readout&, const Readout&) = default;
};

struct RecorderOptions {
  std::int64_t layers = 0;
  NormPrecision norm_precision = NormPrecision::kModel;
  at::ScalarType model_dtype = at::kFloat;
  // Tokens of the pass whose states are kept: int64 indices on the model's device, or undefined for all.
  at::Tensor kept_tokens;
  KeepAlive keep_alive = {};  // called at every layer
};

class StreamRecorder : public StreamObserver {
 public:
  // After the pass: completes the record. Call once, before the functions below.
  virtual void finish() = 0;

  // Norms and decisions of `count` consecutive tokens of the pass.
  [[nodiscard]] TraceRows take_rows(std::int64_t first_token, std::int64_t count) const;

  // Which state answers for token `token` of the pass (kept as row `row`) in `mode` under alpha number
  // `alpha` of this recorder's alphas.
  [[nodiscard]] virtual Readout find_readout(std::int64_t row, std::int64_t token, LacMode mode,
                                             std::int64_t alpha) const = 0;

  // The states of these readouts, [n, hidden].
  [[nodiscard]] virtual at::Tensor gather_states(std::span<const Readout> readouts) const = 0;

 protected:
  explicit StreamRecorder(RecorderOptions options);

  // L2 norms of the tokens' states [tokens] in float32. Tells whoever waits that the pass is alive.
  [[nodiscard]] at::Tensor measure_norms(const at::Tensor& stream) const;
  // The same in the dtype in which the rule works.
  [[nodiscard]] at::Tensor round_norms(const at::Tensor& norms) const { return norms.to(arithmetic_); }
  // Thresholds as the rule wants them, [alphas], where `norms` lie.
  [[nodiscard]] static at::Tensor make_alphas(const std::vector<double>& alphas, const at::Tensor& norms);
  // Makes the record; nothing before it waits for the host: `norms` [layers + 1, tokens], `active` bool
  // [layers, alphas, tokens].
  void record(const at::Tensor& norms, const at::Tensor& active);
  [[nodiscard]] at::Tensor keep(const at::Tensor& stream) const;
  [[nodiscard]] const RecorderOptions& options() const { return options_; }
  [[nodiscard]] VoidRule& rule() { return *rule_; }

  TraceRows rows_;  // of all tokens of the pass

 private:
  RecorderOptions options_;
  at::ScalarType arithmetic_;
  std::unique_ptr<VoidRule> rule_;
};

}  // namespace lacuna
