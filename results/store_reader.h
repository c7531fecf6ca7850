// Reads a store or a part (FORMAT.md) question by question, in bounded memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/records.h"
#include "results/run_manifest.h"

namespace lacuna {

// A unit that an incomplete store lacks.
struct MissingUnit {
  UnitId unit;
  std::string why;  // empty: not run yet
};

// The prompt phase or response phase of one sequence, decisions of one or all thresholds.
struct StoredResponse {
  QuestionIndex question;
  AlphaIndex alpha;  // -1 in trace mode
  std::vector<TokenId> token_ids;
  std::string text;
  std::string choice;
  bool correct = false;
  StopReason stop_reason = StopReason::kLength;
};

// A comparison of a question's choices by log-likelihood.
struct StoredScore {
  QuestionIndex question;
  AlphaIndex alpha;  // -1 in trace mode
  std::vector<ContinuationScore> continuations;
  std::string choice;
  bool correct = false;
  std::string choice_normalized;  // empty: the benchmark has no such metric
  bool correct_normalized = false;
};

// A model x benchmark pair of a store. Rows are read on demand; norms come as an empty vector if the store
// has none.
class StoredSweep {
 public:
  ~StoredSweep();
  StoredSweep(StoredSweep&&) noexcept;
  StoredSweep& operator=(StoredSweep&&) noexcept;

  [[nodiscard]] const std::string& model() const;
  [[nodiscard]] const std::string& benchmark() const;
  [[nodiscard]] std::int64_t layers() const;
  [[nodiscard]] const std::vector<double>& alphas() const;
  [[nodiscard]] std::int64_t question_count() const;
  // Every question's position in the benchmark, in the store's order (rising).
  [[nodiscard]] const std::vector<QuestionIndex>& question_indices() const;
  [[nodiscard]] bool has_mode(LacMode mode) const;

  // Responses of a mode: trace one a question, else one a question and threshold, questions outermost; none
  // if only log-likelihoods were asked for.
  [[nodiscard]] std::int64_t response_count(LacMode mode) const;
  // [first, first + count).
  [[nodiscard]] std::vector<StoredResponse> read_responses(LacMode mode, std::int64_t first,
                                                           std::int64_t count) const;
  // Whether log-likelihoods were asked for.
  [[nodiscard]] bool has_scores(LacMode mode) const;
  // Comparisons of choices, as many and in the same order as responses would be; 0 without any.
  [[nodiscard]] std::int64_t score_count(LacMode mode) const;
  // [first, first + count).
  [[nodiscard]] std::vector<StoredScore> read_scores(LacMode mode, std::int64_t first,
                                                     std::int64_t count) const;
  // Decisions and norms of a response's passes: trace all thresholds, else one.
  [[nodiscard]] TraceRows read_rg(LacMode mode, std::int64_t response, bool with_norms = true) const;

  // Prompt traces of a mode: trace and exit one a question with all thresholds (the same ones), propagate one
  // a question and threshold with that threshold only.
  [[nodiscard]] std::int64_t prompt_trace_count(LacMode mode) const;
  // The question of every prompt trace.
  [[nodiscard]] const std::vector<QuestionIndex>& prompt_trace_questions(LacMode mode) const;
  // The threshold of every prompt trace, -1 for all of them.
  [[nodiscard]] const std::vector<AlphaIndex>& prompt_trace_alphas(LacMode mode) const;
  [[nodiscard]] TraceRows read_pp(LacMode mode, std::int64_t prompt_trace, bool with_norms = true) const;

 private:
  friend class StoreReader;
  struct State;
  explicit StoredSweep(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class StoreReader {
 public:
  // Throws InputError if the file is no store or has an unknown major version.
  explicit StoreReader(const std::filesystem::path& file);
  ~StoreReader();
  StoreReader(StoreReader&&) noexcept;
  StoreReader& operator=(StoreReader&&) noexcept;

  [[nodiscard]] const RunManifest& manifest() const;
  // False if the store was merged from an incomplete run.
  [[nodiscard]] bool is_complete() const;
  [[nodiscard]] std::vector<MissingUnit> missing_units() const;
  // The pairs that have results, models in the order of the manifest, then benchmarks.
  [[nodiscard]] std::vector<StoredSweep> sweeps() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lacuna
