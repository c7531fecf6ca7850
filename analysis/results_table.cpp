#include "analysis/results_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>
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
  Mean rg;

  void add(bool is_correct, bool is_baseline_correct) {
    ++questions;
    baseline_correct += is_baseline_correct ? 1 : 0;
    correct += is_correct ? 1 : 0;
    only_correct_here += is_correct && !is_baseline_correct ? 1 : 0;
    only_correct_in_baseline += !is_correct && is_baseline_correct ? 1 : 0;
  }
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
    // Trace first: it is the baseline of the others.
    for (const LacMode mode : {LacMode::kTrace, LacMode::kExit, LacMode::kPropagate}) {
      if (!sweep_.has_mode(mode)) continue;
      pp_[mode].resize(sweep_.alphas().size());
      add_responses(mode);
      add_scores(mode);
    }
    if (sweep_.has_mode(LacMode::kTrace)) add_prompts(LacMode::kTrace);
    if (sweep_.has_mode(LacMode::kPropagate)) add_prompts(LacMode::kPropagate);
  }

  [[nodiscard]] std::vector<TableRow> rows() const {
    std::vector<TableRow> rows;
    for (const auto& [scoring, judged] : judged_) {
      for (const auto& [mode, cells] : judged.cells) {
        for (std::size_t alpha = 0; alpha < cells.size(); ++alpha) {
          rows.push_back(make_row(scoring, mode, alpha));
        }
      }
    }
    return rows;
  }

 private:
  // All modes by one scoring.
  struct Judged {
    std::map<LacMode, std::vector<Cell>> cells;
    std::map<QuestionIndex, bool> baseline;  // whether mode trace is right
  };

  static constexpr std::int64_t kBlock = 4096;  // rows of a store in memory

  // The cells of a mode, of which there are some even if no question turns out to have a baseline.
  std::vector<Cell>& cells_of(RowScoring scoring, LacMode mode) {
    std::vector<Cell>& cells = judged_[scoring].cells[mode];
    cells.resize(sweep_.alphas().size());
    return cells;
  }

  // Counts a question in the cells of its threshold (trace: of every one); `visit` gets each of them. Without
  // a baseline, which happens in incomplete stores, it does not count.
  template <class Visit>
  void add_judgement(RowScoring scoring, LacMode mode, QuestionIndex question, AlphaIndex only,
                     bool is_correct, Visit visit) {
    std::map<QuestionIndex, bool>& baselines = judged_[scoring].baseline;
    if (mode == LacMode::kTrace) baselines[question] = is_correct;
    const auto baseline = baselines.find(question);
    if (baseline == baselines.end()) return;
    std::vector<Cell>& cells = cells_of(scoring, mode);
    for (std::size_t alpha = 0; alpha < cells.size(); ++alpha) {
      if (mode != LacMode::kTrace && only.value() != static_cast<std::int32_t>(alpha)) continue;
      cells[alpha].add(is_correct, baseline->second);
      visit(cells[alpha], alpha);
    }
  }

  void add_responses(LacMode mode) {
    const std::int64_t responses = sweep_.response_count(mode);
    if (responses == 0) return;  // only log-likelihoods were asked for
    cells_of(RowScoring::kGenerate, mode);
    for (std::int64_t first = 0; first < responses; first += kBlock) {
      std::int64_t number = first;
      for (const StoredResponse& response :
           sweep_.read_responses(mode, first, std::min(kBlock, responses - first))) {
        add_response(mode, response, number++);
      }
    }
  }

  void add_response(LacMode mode, const StoredResponse& response, std::int64_t number) {
    const TraceRows rg = sweep_.read_rg(mode, number, false);
    const bool has_all_alphas = mode == LacMode::kTrace;
    add_judgement(RowScoring::kGenerate, mode, response.question, response.alpha, response.correct,
                  [&](Cell& cell, std::size_t alpha) {
                    cell.unparsed += response.choice.empty() ? 1 : 0;
                    const auto share =
                        active_share(rg, has_all_alphas ? static_cast<std::int64_t>(alpha) : 0);
                    if (share) cell.rg.add(*share);
                  });
  }

  void add_scores(LacMode mode) {
    const std::int64_t scores = sweep_.score_count(mode);
    if (scores > 0) cells_of(RowScoring::kLoglik, mode);
    const auto nothing_else = [](Cell&, std::size_t) {};
    for (std::int64_t first = 0; first < scores; first += kBlock) {
      for (const StoredScore& score : sweep_.read_scores(mode, first, std::min(kBlock, scores - first))) {
        add_judgement(RowScoring::kLoglik, mode, score.question, score.alpha, score.correct, nothing_else);
        if (score.choice_normalized.empty()) continue;
        cells_of(RowScoring::kLoglikNormalized, mode);
        add_judgement(RowScoring::kLoglikNormalized, mode, score.question, score.alpha,
                      score.correct_normalized, nothing_else);
      }
    }
  }

  // Layers of the prompt phase, over the questions that have a baseline (trace, and so every scoring's).
  void add_prompts(LacMode mode) {
    std::set<QuestionIndex> traced;
    if (sweep_.has_mode(LacMode::kTrace)) {
      const std::vector<QuestionIndex>& questions = sweep_.prompt_trace_questions(LacMode::kTrace);
      traced.insert(questions.begin(), questions.end());
    }
    for (std::int64_t number = 0; number < sweep_.prompt_trace_count(mode); ++number) {
      const QuestionIndex question = sweep_.prompt_trace_questions(mode)[static_cast<std::size_t>(number)];
      const AlphaIndex only = sweep_.prompt_trace_alphas(mode)[static_cast<std::size_t>(number)];
      if (!traced.contains(question)) continue;
      const TraceRows pp = sweep_.read_pp(mode, number, false);
      for (std::size_t alpha = 0; alpha < sweep_.alphas().size(); ++alpha) {
        if (only.value() >= 0 && only.value() != static_cast<std::int32_t>(alpha)) continue;
        const auto share = active_share(pp, only.value() >= 0 ? 0 : static_cast<std::int64_t>(alpha));
        if (!share) continue;
        pp_[mode][alpha].add(*share);
        // The stream of exit is that of trace.
        if (mode == LacMode::kTrace && pp_.contains(LacMode::kExit)) pp_[LacMode::kExit][alpha].add(*share);
      }
    }
  }

  [[nodiscard]] TableRow make_row(RowScoring scoring, LacMode mode, std::size_t alpha) const {
    const Cell& cell = judged_.at(scoring).cells.at(mode)[alpha];
    TableRow row{.model = sweep_.model(),
                 .benchmark = sweep_.benchmark(),
                 .scoring = scoring,
                 .mode = mode,
                 .alpha = sweep_.alphas()[alpha],
                 .questions = cell.questions,
                 .baseline_correct = cell.baseline_correct,
                 .correct = cell.correct,
                 .unparsed = cell.unparsed,
                 .pp_layers = pp_.at(mode)[alpha].value(),
                 .rg_layers = cell.rg.value(),
                 .accuracy = std::nullopt,
                 .mcnemar_p = mcnemar_exact_p(cell.only_correct_here, cell.only_correct_in_baseline)};
    if (cell.questions > 0) row.accuracy = wilson_interval(cell.correct, cell.questions);
    return row;
  }

  const StoredSweep& sweep_;
  std::map<RowScoring, Judged> judged_;
  std::map<LacMode, std::vector<Mean>> pp_;
};

}  // namespace

std::string_view to_string(RowScoring scoring) {
  switch (scoring) {
    case RowScoring::kGenerate:
      return "generate";
    case RowScoring::kLoglik:
      return "loglik";
    case RowScoring::kLoglikNormalized:
      return "loglik-norm";
  }
  return "unknown";
}

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
