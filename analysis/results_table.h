// The results table: one row per model x benchmark x scoring x mode x threshold.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/statistics.h"
#include "core/records.h"

namespace lacuna {

enum class TableFormat : std::uint8_t { kMarkdown, kCsv, kLatex };
// "md", "csv", "latex"; throws InputError that lists them.
TableFormat parse_table_format(std::string_view name);

// What an accuracy is a share of.
enum class RowScoring : std::uint8_t {
  kGenerate,          // graded answers
  kLoglik,            // choices of the largest log-likelihood: the harness's acc
  kLoglikNormalized,  // of the largest log-likelihood per character: its acc_norm
};
std::string_view to_string(RowScoring scoring);  // "generate", "loglik", "loglik-norm"

// Shares and accuracies are fractions, not percentages.
struct TableRow {
  std::string model;
  std::string benchmark;
  RowScoring scoring = RowScoring::kGenerate;
  LacMode mode = LacMode::kTrace;
  double alpha = 0;
  std::int64_t questions = 0;  // n: answered in this mode and, without skipping, in trace mode
  std::int64_t baseline_correct = 0;
  std::int64_t correct = 0;
  std::int64_t unparsed = 0;         // answers without a choice, which count as wrong; generate only
  std::optional<double> pp_layers;   // mean share of active layers, prompt phase
  std::optional<double> rg_layers;   // the same, response phase; generate only
  std::optional<Interval> accuracy;  // Wilson, 95 %; none if n is 0
  double mcnemar_p = 1;              // exact, two-sided, against mode trace by the same scoring
};

struct ResultsTable {
  std::filesystem::path store;
  std::string experiment;
  bool complete = true;
  std::vector<std::string> missing_units;  // "unit: why" of an incomplete store
  std::vector<TableRow>
      rows;  // models and benchmarks in the manifest's order, scoring, trace, exit, propagate, rising alpha
};

// Reads a store and computes every row. Layer shares: mean over questions of the mean over tokens and layers;
// all tokens of the prompt count (template and special tokens too); the response's passes are those that were
// fed one of its tokens. A question whose response is one token has no response pass and no share there.
ResultsTable compute_table(const std::filesystem::path& store);

// The table as text that ends with a line end. Markdown and LaTeX: percentages, rounded, with a note on what
// is missing from an incomplete store; CSV: fractions with all digits.
std::string render_table(const ResultsTable& table, TableFormat format);

// compute_table and render_table in one; what `lacuna run` prints at its end.
std::string render_table(const std::filesystem::path& store, TableFormat format);

}  // namespace lacuna
