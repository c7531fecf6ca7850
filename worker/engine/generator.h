// Answers to a batch of prompts under LAC, and the log-likelihoods of given ones (continuation_scorer.h):
// every threshold from one prompt pass, responses that share passes for as long as their tokens agree.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "worker/engine/generator_options.h"
#include "worker/engine/model_pass.h"
#include "worker/engine/prompt_packing.h"
#include "worker/engine/sequence_plan.h"
#include "worker/engine/token_chooser.h"
#include "worker/lac/stream_recorder.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

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
  // States that go through the head together when tokens are chosen.
  [[nodiscard]] std::size_t count_head_rows() const;
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
