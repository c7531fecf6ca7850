// The answers of one question that are being generated together, and which of them still share a history.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "core/records.h"
#include "worker/nn/sequence_cache.h"

namespace lacuna {

// One answer that is wanted: its mode and, but for trace, the threshold that it is generated under.
struct BranchSpec {
  LacMode mode = LacMode::kTrace;
  std::optional<AlphaIndex> alpha;
};

// An answer in the making.
struct Branch {
  BranchSpec spec;
  std::vector<TokenId> tokens;
  TraceRows rg;
  StopReason stop_reason = StopReason::kLength;
  double decode_seconds = 0;
  // If GeneratorOptions::keep_logits: of the prompt pass, then of every response pass, float32 on the CPU.
  std::vector<at::Tensor> logits;        // [vocabulary]
  std::vector<at::Tensor> final_states;  // [hidden], after the final norm
};

// Unfinished branches with the same tokens so far: they share one cache slot and one row of every pass.
struct Lane {
  std::int64_t slot = 0;
  std::vector<std::int64_t> branches;
};

// All branches of one prompt. They advance in lockstep.
class BranchSet {
 public:
  // `cache`: of the prompt, without responses; it may still wait for its prompt pass.
  BranchSet(std::vector<BranchSpec> specs, SequenceCache cache);

  [[nodiscard]] std::vector<Branch>& branches() { return branches_; }
  [[nodiscard]] const std::vector<Lane>& lanes() const { return lanes_; }
  [[nodiscard]] SequenceCache& cache() { return cache_; }
  [[nodiscard]] bool finished() const { return lanes_.empty(); }

  // The token that a lane's next pass is fed: the last one of its branches.
  [[nodiscard]] TokenId next_token(const Lane& lane) const;

  // Drops all branches.
  void finish() { lanes_.clear(); }

  // Drops the branches marked in `is_done` (one flag a branch), and splits lanes whose branches ended with
  // different tokens, copying what their common slot holds of the response.
  void regroup(const std::vector<bool>& is_done);

 private:
  std::vector<Branch> branches_;
  std::vector<Lane> lanes_;
  std::vector<std::int64_t> free_slots_;
  std::int64_t slots_in_use_ = 1;
  SequenceCache cache_;
};

}  // namespace lacuna
