// What a worker learns about a question: the records that flow from inference to the store.
//
// Semantics of norms, deltas, voids and modes: docs/semantics.md (LAC as in arXiv 2505.14467).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"

namespace lacuna {

// How void layers act on the model. Always named in every result.
enum class LacMode : std::uint8_t {
  kTrace = 0,      // watch only
  kExit = 1,       // the final norm reads the state after the token's last active layer
  kPropagate = 2,  // a void layer's update is dropped for that token
};

// "trace", "exit", "propagate".
std::string_view to_string(LacMode mode);
// The reverse; throws InputError that lists the valid names.
LacMode parse_lac_mode(std::string_view name);

// Number of bytes that hold the decisions of `layers` layers.
constexpr std::int64_t packed_layer_bytes(std::int64_t layers) {
  return (layers + 7) / 8;
}

// The trace of some consecutive tokens of one sequence in one phase.
//
// norms: [tokens][layers + 1] float32, L2 norms of the residual stream, embedding output first; in propagate
//   mode entry l + 1 is the norm of layer l's candidate output, whether it was then kept or dropped.
// active: [tokens][alphas][packed_layer_bytes(layers)], one bit a layer, 1 = active, 0 = void; layer 0 is the
//   most significant bit of the first byte (numpy.unpackbits' default order); unused bits are 0.
struct TraceRows {
  std::int64_t tokens = 0;
  std::int64_t alphas = 0;
  std::int64_t layers = 0;
  std::vector<float> norms;
  std::vector<std::uint8_t> active;

  // Whether layer `layer` is active for token `token` under the alpha at position `alpha` of this trace.
  [[nodiscard]] bool is_active(std::int64_t token, std::int64_t alpha, std::int64_t layer) const;
  void set_active(std::int64_t token, std::int64_t alpha, std::int64_t layer);
  // The last active layer, -1 if there is none.
  [[nodiscard]] LayerIndex exit_layer(std::int64_t token, std::int64_t alpha) const;
  // All-void rows of that shape, norms 0.
  static TraceRows zeros(std::int64_t tokens, std::int64_t alphas, std::int64_t layers);
};

enum class StopReason : std::uint8_t { kStopToken = 0, kLength = 1 };

// Texts that only the paper author's JSON layout holds (results/author_json.h).
struct AuthorTexts {
  std::string question;     // the question alone
  std::string subject;      // MMLU only; else empty
  std::string prompt;       // the user message, before the chat template
  std::string true_answer;  // as the released code has it: letter, answer text (GPQA), "true" or "false"
};

// One generated answer. Token r_0 is chosen from the prompt pass; row t of `rg` is the pass that was fed r_t.
// The last token is never fed, so `rg.tokens == token_ids.size() - 1`.
struct ResponseRecord {
  LacMode mode = LacMode::kTrace;
  std::optional<AlphaIndex> alpha;  // none in trace mode, where one answer serves all alphas
  std::vector<TokenId> token_ids;   // the stop token, if one came, included
  StopReason stop_reason = StopReason::kLength;
  TraceRows rg;        // trace: all alphas of the experiment; else one
  std::string text;    // decoded without special tokens
  std::string choice;  // "A".."D", "true", "false"; empty if the grader found none
  bool correct = false;
  std::string author_answer;  // if store.author_json: token_ids without r_0, decoded with special tokens
  double decode_seconds = 0;  // this answer's share of the time of the batch's decode steps
};

// What a mode and threshold make of one of the texts that are compared (docs/semantics.md).
struct ContinuationScore {
  std::string choice;           // the answer it stands for: "A".."D", "true", "false"
  std::int32_t tokens = 0;      // those whose log-probabilities are summed, at least one
  std::int32_t characters = 0;  // of the choice's text without leading space: what acc_norm divides by
  double log_likelihood = 0;    // natural logarithm, <= 0
  bool is_greedy = false;       // every token is the one that greedy choice would have taken
};

// The choices of one question, compared under one mode and threshold.
struct ScoreRecord {
  LacMode mode = LacMode::kTrace;
  std::optional<AlphaIndex> alpha;               // none in trace mode
  std::vector<ContinuationScore> continuations;  // in the benchmark's order
  std::string choice;                            // of the largest log-likelihood, the first one among equals
  bool correct = false;
  // The same by log-likelihood per character; empty (and false) where the benchmark has no such metric.
  std::string choice_normalized;
  bool correct_normalized = false;
};

// Everything about one question from one pass over the plan.
//
// shared stream (trace, exit): `pp` has one element with all alphas; propagate: one element with one alpha
// each, in the order of the experiment's alphas.
struct QuestionRecord {
  QuestionId id;
  QuestionIndex index;
  std::string subject;
  std::string gold;  // "A".."D", "true", "false"
  std::vector<TokenId> prompt_ids;
  std::vector<TraceRows> pp;
  std::vector<ResponseRecord> responses;    // one for each mode and threshold; empty if nothing is generated
  std::vector<ScoreRecord> scores;          // likewise; empty if no log-likelihoods are asked for
  std::optional<AuthorTexts> author_texts;  // if store.author_json
  double prefill_seconds = 0;               // this question's share of the time of the batch's prompt passes
};

}  // namespace lacuna
