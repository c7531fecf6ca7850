#include "analysis/results_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "core/error.h"
#include "results/store_reader.h"

namespace lacuna {

namespace {

// Sums over questions that make a mean.
struct Mean {
  double sum = 0;
  std::int64_t count = 0;

  void add(double value) {
    sum += value;
    ++count;
  }
  [[nodiscard]] std::optional<double> value() const {
    if (count == 0) return std::nullopt;
    return sum / static_cast<double>(count);
  }
};

// What is known of a mode and threshold while its questions go by.
struct Cell {
  std::int64_t questions = 0;
  std::int64_t baseline_correct = 0;
  std::int64_t correct = 0;
  std::int64_t unparsed = 0;
  std::int64_t only_correct_here = 0;
  std::int64_t only_correct_in_baseline = 0;
  Mean pp;
  Mean rg;
};

// Mean over tokens and layers of the decisions of one threshold; none without tokens. Unused bits are 0.
std::optional<double> active_share(const TraceRows& rows, std::int64_t alpha) {
  if (rows.tokens == 0 || rows.layers == 0) return std::nullopt;
  const std::int64_t bytes = packed_layer_bytes(rows.layers);
  std::int64_t active = 0;
  for (std::int64_t token = 0; token < rows.tokens; ++token) {
    const auto first = static_cast<std::size_t>((token * rows.alphas + alpha) * bytes);
    for (std::size_t byte = first; byte < first + static_cast<std::size_t>(bytes); ++byte) {
      active += std::popcount(rows.active[byte]);
    }
  }
  return static_cast<double>(active) / static_cast<double>(rows.tokens * rows.layers);
}

// All rows of one model and benchmark.
class SweepTable {
 public:
  explicit SweepTable(const StoredSweep& sweep) : sweep_(sweep) {
    for (const LacMode mode : {LacMode::kTrace, LacMode::kExit, LacMode::kPropagate}) {
      if (sweep_.has_mode(mode)) cells_[mode].resize(sweep_.alphas().size());
    }
    if (sweep_.has_mode(LacMode::kTrace)) add_responses(LacMode::kTrace);
    for (const LacMode mode : {LacMode::kExit, LacMode::kPropagate}) {
      if (sweep_.has_mode(mode)) add_responses(mode);
    }
    if (sweep_.has_mode(LacMode::kTrace)) add_prompts(LacMode::kTrace);
    if (sweep_.has_mode(LacMode::kPropagate)) add_prompts(LacMode::kPropagate);
  }

  [[nodiscard]] std::vector<TableRow> rows() const {
    std::vector<TableRow> rows;
    for (const auto& [mode, cells] : cells_) {
      for (std::size_t alpha = 0; alpha < cells.size(); ++alpha) rows.push_back(make_row(mode, alpha));
    }
    return rows;
  }

 private:
  void add_responses(LacMode mode) {
    constexpr std::int64_t kBlock = 4096;
    for (std::int64_t first = 0; first < sweep_.response_count(mode); first += kBlock) {
      const std::int64_t count = std::min(kBlock, sweep_.response_count(mode) - first);
      std::int64_t number = first;
      for (const StoredResponse& response : sweep_.read_responses(mode, first, count)) {
        add_response(mode, response, number++);
      }
    }
  }

  void add_response(LacMode mode, const StoredResponse& response, std::int64_t number) {
    if (mode == LacMode::kTrace) baseline_[response.question] = response.correct;
    const auto baseline = baseline_.find(response.question);
    if (baseline == baseline_.end()) return;  // only in incomplete stores
    const TraceRows rg = sweep_.read_rg(mode, number, false);
    std::vector<Cell>& cells = cells_[mode];
    for (std::size_t alpha = 0; alpha < cells.size(); ++alpha) {
      const bool is_trace = mode == LacMode::kTrace;
      if (!is_trace && response.alpha.value() != static_cast<std::int32_t>(alpha)) continue;
      Cell& cell = cells[alpha];
      ++cell.questions;
      cell.baseline_correct += baseline->second ? 1 : 0;
      cell.correct += response.correct ? 1 : 0;
      cell.unparsed += response.choice.empty() ? 1 : 0;
      cell.only_correct_here += response.correct && !baseline->second ? 1 : 0;
      cell.only_correct_in_baseline += !response.correct && baseline->second ? 1 : 0;
      const auto share = active_share(rg, is_trace ? static_cast<std::int64_t>(alpha) : 0);
      if (share) cell.rg.add(*share);
    }
  }

  void add_prompts(LacMode mode) {
    for (std::int64_t number = 0; number < sweep_.prompt_trace_count(mode); ++number) {
      const QuestionIndex question = sweep_.prompt_trace_questions(mode)[static_cast<std::size_t>(number)];
      const AlphaIndex only = sweep_.prompt_trace_alphas(mode)[static_cast<std::size_t>(number)];
      if (!baseline_.contains(question)) continue;
      const TraceRows pp = sweep_.read_pp(mode, number, false);
      for (std::size_t alpha = 0; alpha < sweep_.alphas().size(); ++alpha) {
        if (only.value() >= 0 && only.value() != static_cast<std::int32_t>(alpha)) continue;
        const auto share = active_share(pp, only.value() >= 0 ? 0 : static_cast<std::int64_t>(alpha));
        if (!share) continue;
        cells_[mode][alpha].pp.add(*share);
        // The stream of exit is that of trace.
        if (mode == LacMode::kTrace && cells_.contains(LacMode::kExit)) {
          cells_[LacMode::kExit][alpha].pp.add(*share);
        }
      }
    }
  }

  [[nodiscard]] TableRow make_row(LacMode mode, std::size_t alpha) const {
    const Cell& cell = cells_.at(mode)[alpha];
    TableRow row{.model = sweep_.model(),
                 .benchmark = sweep_.benchmark(),
                 .mode = mode,
                 .alpha = sweep_.alphas()[alpha],
                 .questions = cell.questions,
                 .baseline_correct = cell.baseline_correct,
                 .correct = cell.correct,
                 .unparsed = cell.unparsed,
                 .pp_layers = cell.pp.value(),
                 .rg_layers = cell.rg.value(),
                 .accuracy = std::nullopt,
                 .mcnemar_p = mcnemar_exact_p(cell.only_correct_here, cell.only_correct_in_baseline)};
    if (cell.questions > 0) row.accuracy = wilson_interval(cell.correct, cell.questions);
    return row;
  }

  const StoredSweep& sweep_;
  std::map<LacMode, std::vector<Cell>> cells_;
  std::map<QuestionIndex, bool> baseline_;
};

}  // namespace

ResultsTable compute_table(const std::filesystem::path& store) {
  const StoreReader reader(store);
  ResultsTable table;
  table.store = store;
  table.experiment = reader.manifest().experiment;
  table.complete = reader.is_complete();
  for (const MissingUnit& missing : reader.missing_units()) {
    table.missing_units.push_back(missing.why.empty() ? missing.unit.value()
                                                      : missing.unit.value() + ": " + missing.why);
  }
  for (const StoredSweep& sweep : reader.sweeps()) {
    std::vector<TableRow> rows = SweepTable(sweep).rows();
    table.rows.insert(table.rows.end(), std::make_move_iterator(rows.begin()),
                      std::make_move_iterator(rows.end()));
  }
  return table;
}

std::string render_table(const std::filesystem::path& store, TableFormat format) {
  return render_table(compute_table(store), format);
}

}  // namespace lacuna
