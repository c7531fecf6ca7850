// Answers to a batch of prompts under LAC: every threshold from one prompt pass, responses that share passes
// for as long as their tokens agree.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/experiment_config.h"
#include "core/keep_alive.h"
#include "core/work_unit.h"
#include "worker/engine/branch_set.h"
#include "worker/engine/token_chooser.h"
#include "worker/lac/stream_recorder.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

struct GeneratorOptions {
  StreamKind stream = StreamKind::kShared;
  // Answers a question gets. Shared stream: trace and exit branches; propagate: one for each threshold.
  std::vector<BranchSpec> branches;
  std::vector<double> alphas;
  NormPrecision norm_precision = NormPrecision::kModel;
  std::int64_t max_new_tokens = 50;  // response tokens a branch, >= 1
  std::vector<TokenId> stop_tokens;  // empty: never stop early
  bool keep_logits = false;          // fill Branch::logits and Branch::final_states
  std::int64_t batch_tokens = 4096;  // prompt tokens a pass, at most (a longer prompt goes alone)
  KeepAlive keep_alive = {};         // called at every layer of every pass
};

struct GeneratorPrompt {
  QuestionId question;
  std::vector<TokenId> token_ids;  // at least one, all below the model's vocabulary size
};

struct GeneratedQuestion {
  std::vector<TraceRows> pp;     // as QuestionRecord::pp
  std::vector<Branch> branches;  // in the order of GeneratorOptions::branches
  double prefill_seconds = 0;
};

class Generator {
 public:
  // `model` and `chooser` outlive the generator.
  Generator(const CausalLm& model, TokenChooser& chooser, GeneratorOptions options);

  // Answers all prompts; the batches that go through the model follow from the prompts and options alone.
  // Throws InputError for a token outside of the vocabulary or an empty prompt.
  std::vector<GeneratedQuestion> generate(std::span<const GeneratorPrompt> prompts);

 private:
  // A prompt on its way: the shared stream has one for each question, propagate one for each question and
  // threshold.
  struct Sequence {
    const GeneratorPrompt* prompt = nullptr;
    std::size_t question = 0;
    std::optional<AlphaIndex> alpha;
    std::int64_t first_branch = 0;  // position of its first branch in GeneratorOptions::branches
    BranchSet branches;
    TraceRows pp;
    double prefill_seconds = 0;
  };
  // A row of a pass whose states are kept: the lane that reads its logits.
  struct KeptRow {
    Sequence* sequence = nullptr;
    std::size_t lane = 0;
    std::int64_t token = 0;  // in the pass
  };

  std::vector<Sequence> lay_out_sequences(std::span<const GeneratorPrompt> prompts) const;
  void prefill(std::span<Sequence*> batch);
  void decode_step(std::span<Sequence*> unfinished);
  // A branch that reads its next token's logits from a state of the pass.
  struct Reader {
    Sequence* sequence = nullptr;
    std::int64_t branch = 0;  // in the sequence
    Readout readout;
  };
  [[nodiscard]] std::vector<Reader> list_readers(const StreamRecorder& recorder,
                                                 std::span<const KeptRow> rows) const;
  // One token for every reader.
  std::vector<TokenId> choose_tokens(const StreamRecorder& recorder, std::span<const Reader> readers);
  // Reads every branch's logits, appends the chosen tokens, drops what is finished, regroups the lanes.
  void advance(const StreamRecorder& recorder, std::span<const KeptRow> rows);
  [[nodiscard]] bool append_token(Branch& branch, TokenId token) const;  // true if the branch is done
  [[nodiscard]] std::unique_ptr<StreamRecorder> make_recorder(at::Tensor kept_tokens,
                                                              std::vector<double> token_alphas) const;
  [[nodiscard]] at::Tensor to_device(const std::vector<std::int64_t>& values) const;
  // Position of a branch's threshold among the decision sets of a recorder's rows.
  [[nodiscard]] std::int64_t decision_set(const BranchSpec& spec) const;

  const CausalLm& model_;
  TokenChooser& chooser_;
  GeneratorOptions options_;
};

}  // namespace lacuna
