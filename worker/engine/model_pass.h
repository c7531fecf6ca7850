// One pass of packed tokens of many sequences under LAC, and the logits that are read from it: what
// generating answers and scoring continuations have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/experiment_config.h"
#include "core/keep_alive.h"
#include "core/work_unit.h"
#include "worker/engine/branch_set.h"
#include "worker/lac/stream_recorder.h"
#include "worker/models/causal_lm.h"
#include "worker/nn/attention_backend.h"
#include "worker/nn/head_logits.h"

namespace lacuna {

// What all passes of a unit share.
struct PassSettings {
  StreamKind stream = StreamKind::kShared;
  std::vector<double> alphas;
  NormPrecision norm_precision = NormPrecision::kModel;
  KeepAlive keep_alive = {};  // called at every layer
  AttentionPath attention = AttentionPath::kFastest;
};

// Position of a branch's threshold among the decision sets of a pass's rows.
std::int64_t decision_set(const PassSettings& settings, const BranchSpec& spec);

// The tokens of a pass, collected one after another.
class PackedPass {
 public:
  // Both outlive the pass.
  PackedPass(const CausalLm& model, const PassSettings& settings) : model_(model), settings_(settings) {}

  // `position` in its sequence, from 0. `alpha`: the threshold of its sequence; propagate only.
  void add(TokenId token, std::int64_t position, std::optional<AlphaIndex> alpha);
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(token_ids_.size()); }

  // Runs the layers; the record is complete. `kept_tokens`: those whose states are kept, all if it is empty.
  [[nodiscard]] std::unique_ptr<StreamRecorder> run(AttentionBackend& attention,
                                                    const std::vector<std::int64_t>& kept_tokens = {}) const;

 private:
  const CausalLm& model_;
  const PassSettings& settings_;
  std::vector<std::int64_t> token_ids_;
  std::vector<std::int64_t> positions_;
  std::vector<double> token_alphas_;
};

// The branches of one sequence that take part in a decode pass.
struct DecodeMember {
  BranchSet* branches = nullptr;
  std::optional<AlphaIndex> alpha;  // propagate only
};

// A token of a pass whose state is kept: that of lane `lane` of member `member`.
struct LaneRow {
  std::size_t member = 0;
  std::size_t lane = 0;
  std::int64_t row = 0;    // among the kept states
  std::int64_t token = 0;  // in the pass
};

struct DecodePass {
  std::unique_ptr<StreamRecorder> recorder;
  std::vector<LaneRow> rows;  // members in order, their lanes in order
};

// Feeds every lane of every member (none is finished) its next token, and advances their caches.
DecodePass run_decode_pass(const CausalLm& model, const PassSettings& settings,
                           std::span<const DecodeMember> members);

// States that go through the head together where logits are copied one by one or come from LibTorch's
// products on the CPU. Bounds them in memory, [n, vocabulary]: 39 MB for 151,936 entries in float32, which
// the allocator reuses (compute_threads.cpp) instead of asking for pages every time.
inline constexpr std::size_t kHeadRows = 64;
// Elsewhere: for so many the head's weights are read once. If all of their logits are read, they take 156 MB
// in bfloat16; if only the largest of each, our kernels keep those of every 32 columns, as much as 64 rows.
inline constexpr std::size_t kManyHeadRows = 512;

struct ReadLogits {
  at::Tensor final_states;         // [distinct readouts, hidden], after the final norm
  HeadLogits logits;               // of the same rows, in the model's dtype
  std::vector<std::int64_t> rows;  // the row of each readout that was asked for
};

// Every distinct state goes through the head once, however many readers it has.
ReadLogits read_logits(const CausalLm& model, const StreamRecorder& recorder,
                       std::span<const Readout> readouts);

}  // namespace lacuna
