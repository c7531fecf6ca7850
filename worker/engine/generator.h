// Answers to a batch of prompts under LAC, and the log-likelihoods of given ones (continuation_scorer.h):
// every threshold from one prompt pass, responses that share passes for as long as their tokens agree.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/experiment_config.h"
#include "core/keep_alive.h"
#include "core/work_unit.h"
#include "worker/engine/branch_set.h"
#include "worker/engine/continuation_scorer.h"
#include "worker/engine/memory_budget.h"
#include "worker/engine/model_pass.h"
#include "worker/engine/prompt_packing.h"
#include "worker/engine/token_chooser.h"
#include "worker/lac/stream_recorder.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

struct GeneratorOptions {
  StreamKind stream = StreamKind::kShared;
  // Answers and scores a question gets. Shared stream: trace and exit; propagate: one for each threshold.
  std::vector<BranchSpec> branches;
  std::vector<double> alphas;
  NormPrecision norm_precision = NormPrecision::kModel;
  std::int64_t max_new_tokens = 50;  // response tokens a branch, >= 1
  std::vector<TokenId> stop_tokens;  // empty: never stop early
  bool keep_logits = false;          // fill Branch::logits and Branch::final_states
  std::int64_t batch_tokens = 4096;  // prompt tokens a pass; a longer prompt goes alone, in chunks of so many
  KeepAlive keep_alive = {};         // called at every layer of every pass
  MemoryBudget* memory = nullptr;    // if given, outlives the generator
};

struct GeneratorPrompt {
  QuestionId question;
  std::vector<TokenId> token_ids;          // at least one, all below the model's vocabulary size
  bool wants_answers = true;               // false: nothing is generated
  PromptContinuations continuations = {};  // empty: nothing is scored
};

struct GeneratedQuestion {
  std::vector<TraceRows> pp;       // as QuestionRecord::pp
  std::vector<Branch> branches;    // in the order of GeneratorOptions::branches; empty without wants_answers
  std::vector<SpecScores> scores;  // in the same order; empty without continuations
  double prefill_seconds = 0;
};

class Generator {
 public:
  // `model` and `chooser` outlive the generator.
  Generator(const CausalLm& model, TokenChooser& chooser, GeneratorOptions options);

  // Answers all prompts; the batches that go through the model follow from the prompts and options alone, but
  // where memory does not suffice: then half of the prompts at a time are worked on, or half of the tokens of
  // a pass, and a warning says so. Throws InputError for a token outside of the vocabulary or an empty
  // prompt, SystemError if there is not even memory for the smallest batch.
  std::vector<GeneratedQuestion> generate(std::span<const GeneratorPrompt> prompts);

 private:
  // A prompt's work before it begins.
  struct SequencePlan {
    const GeneratorPrompt* prompt = nullptr;
    std::size_t question = 0;
    std::int64_t first_branch = 0;  // position of its first branch in GeneratorOptions::branches
    std::vector<BranchSpec> branches;
  };
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
    std::vector<SpecScores> scores = {};
  };

  [[nodiscard]] std::vector<SequencePlan> plan_sequences(std::span<const GeneratorPrompt> prompts) const;
  [[nodiscard]] Sequence begin_sequence(const SequencePlan& plan) const;
  // Bytes of the caches of these sequences when all their branches have parted and come to an end.
  [[nodiscard]] std::int64_t count_cache_bytes(std::span<const SequencePlan> plans) const;
  // Does the work, in parts if memory demands it, and hands each finished sequence to `done`.
  void work_off(std::span<const SequencePlan> plans, std::int64_t pass_tokens,
                const std::function<void(Sequence&)>& done);
  std::vector<Sequence> run_together(std::span<const SequencePlan> plans, std::int64_t pass_tokens);
  // One pass of pieces of prompts; after a prompt's last piece its first tokens are chosen.
  void prefill(std::span<Sequence> sequences, std::span<const PromptPiece> pieces);
  // Scores the continuations of a batch after its prompt pass. `rows`: the last token of each prompt.
  void score(const StreamRecorder& recorder, std::span<Sequence*> batch, std::span<const LaneRow> rows) const;
  void decode_step(std::span<Sequence*> unfinished);
  // A branch that reads its next token's logits from a state of the pass.
  struct Reader {
    Sequence* sequence = nullptr;
    std::int64_t branch = 0;  // in the sequence
    Readout readout;
  };
  [[nodiscard]] std::vector<Reader> list_readers(const StreamRecorder& recorder,
                                                 std::span<Sequence* const> members,
                                                 std::span<const LaneRow> rows) const;
  // One token for every reader.
  std::vector<TokenId> choose_tokens(const StreamRecorder& recorder, std::span<const Reader> readers);
  // The same for some of them, whose states go through the head together.
  void choose_tokens_of(const StreamRecorder& recorder, std::span<const Reader> readers,
                        std::span<const std::size_t> members, std::vector<TokenId>& tokens);
  // Reads every branch's logits, appends the chosen tokens, drops what is finished, regroups the lanes.
  // `members`: what LaneRow::member counts in.
  void advance(const StreamRecorder& recorder, std::span<Sequence* const> members,
               std::span<const LaneRow> rows);
  [[nodiscard]] bool append_token(Branch& branch, TokenId token) const;  // true if the branch is done

  const CausalLm& model_;
  TokenChooser& chooser_;
  GeneratorOptions options_;
  PassSettings settings_;
};

}  // namespace lacuna
