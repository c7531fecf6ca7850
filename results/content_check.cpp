#include "results/content_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <set>
#include <span>
#include <string_view>

#include "core/error.h"
#include "results/schema.h"

namespace lacuna {

namespace {

constexpr std::size_t kMostProblems = 20;

// The question and threshold of every item of a group; -1: all thresholds, or none applies.
struct Items {
  std::vector<std::int64_t> questions;
  std::vector<std::int32_t> alphas;
};

Items one_a_question(const std::vector<std::int64_t>& questions) {
  return {.questions = questions, .alphas = std::vector<std::int32_t>(questions.size(), -1)};
}

Items one_a_threshold(const std::vector<std::int64_t>& questions, std::size_t alphas) {
  Items items;
  for (const std::int64_t question : questions) {
    for (std::size_t alpha = 0; alpha < alphas; ++alpha) {
      items.questions.push_back(question);
      items.alphas.push_back(static_cast<std::int32_t>(alpha));
    }
  }
  return items;
}

std::string list_shape(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

class SweepChecker {
 public:
  SweepChecker(const Hdf5File& file, const ExpectedSweep& sweep) : file_(file), sweep_(sweep) {}

  std::vector<std::string> check() {
    guard(sweep_.group, [&] { check_scales(); });
    if (layers_ > 0) {
      guard(schema::question_group(sweep_.group), [&] { check_questions(); });
      check_mode(LacMode::kTrace, sweep_.shared);
      check_mode(LacMode::kExit, sweep_.has_exit ? sweep_.shared : std::vector<std::int64_t>());
      check_mode(LacMode::kPropagate, sweep_.propagate);
    }
    if (problems_.size() > kMostProblems) problems_.resize(kMostProblems);
    return std::move(problems_);
  }

 private:
  void report(const std::string& path, std::string_view what) {
    problems_.push_back(fmt::format("{}: {}", path, what));
  }

  // What cannot be read is a problem like any other.
  template <class Check>
  void guard(const std::string& path, const Check& check) {
    try {
      check();
    } catch (const Hdf5Error& error) {
      report(error.object().empty() ? path : error.object(),
             fmt::format("{} ({})", error.text().problem, error.text().why));
    }
  }

  template <class T>
  std::vector<T> read(const std::string& group, std::string_view column) const {
    return file_.read<T>(schema::child(group, column)).values;
  }

  template <class T>
  void expect_values(const std::string& group, std::string_view column, const std::vector<T>& expected) {
    const std::vector<T> found = read<T>(group, column);
    const std::string path = schema::child(group, column);
    if (found.size() != expected.size()) {
      return report(path, fmt::format("{} entries instead of {}", found.size(), expected.size()));
    }
    const auto [at, wanted] = std::mismatch(found.begin(), found.end(), expected.begin());
    if (at != found.end()) {
      report(path,
             fmt::format("entry {} is {} instead of {}", std::distance(found.begin(), at), *at, *wanted));
    }
  }

  void check_scales() {
    layers_ = file_.read_scalar_attribute<std::int64_t>(sweep_.group, schema::kLayersAttribute);
    constexpr std::int64_t kMostLayers = 100000;
    if (layers_ < 1 || layers_ > kMostLayers) {
      report(sweep_.group, fmt::format("{} layers", layers_));
      layers_ = 0;
      return;
    }
    expect_values(sweep_.group, schema::kAlpha, sweep_.alphas);
    std::vector<std::int32_t> counting(static_cast<std::size_t>(layers_));
    std::iota(counting.begin(), counting.end(), 0);
    expect_values(sweep_.group, schema::kLayer, counting);
    std::vector<std::int32_t> bytes;
    for (std::int32_t layer = 0; layer < layers_; layer += 8) bytes.push_back(layer);
    expect_values(sweep_.group, schema::kLayerByte, bytes);
    counting.insert(counting.begin(), -1);
    expect_values(sweep_.group, schema::kState, counting);
  }

  // Presence, type and shape of every column of a group of `items` items.
  void check_columns(const std::string& group, std::span<const schema::Column> columns, std::int64_t items,
                     bool has_alpha_axis, std::int64_t ragged) {
    for (const schema::Column& column : columns) {
      const std::string path = schema::child(group, column.name);
      if (column.name == schema::kNorms && !sweep_.norms) {
        if (file_.exists(path)) report(path, "norms that the experiment does not store");
        continue;
      }
      std::vector<std::int64_t> shape = {items};
      if (column.rows == schema::RowKind::kOffset) shape[0] = items + 1;
      if (column.rows == schema::RowKind::kRagged) shape[0] = ragged;
      if (column.inner == schema::InnerAxes::kState) shape.push_back(layers_ + 1);
      if (column.inner == schema::InnerAxes::kDecisions) {
        if (has_alpha_axis) shape.push_back(static_cast<std::int64_t>(sweep_.alphas.size()));
        shape.push_back(packed_layer_bytes(layers_));
      }
      const Hdf5Dataset dataset = file_.open_dataset(path);
      if (dataset.type() != column.type) {
        report(path, fmt::format("its type is {} instead of {}", to_string(dataset.type()),
                                 to_string(column.type)));
      }
      if (dataset.shape() != shape) {
        report(path,
               fmt::format("its shape is {} instead of {}", list_shape(dataset.shape()), list_shape(shape)));
      }
    }
  }

  // The number of ragged rows of each item; empty, and reported, if the offsets are not sound.
  std::vector<std::int64_t> read_lengths(const std::string& group, std::string_view column) {
    const std::vector<std::int64_t> offsets = read<std::int64_t>(group, column);
    if (offsets.empty() || offsets.front() != 0 || !std::is_sorted(offsets.begin(), offsets.end())) {
      report(schema::child(group, column), "the offsets do not rise from 0");
      return {};
    }
    std::vector<std::int64_t> lengths;
    for (std::size_t i = 1; i < offsets.size(); ++i) lengths.push_back(offsets[i] - offsets[i - 1]);
    return lengths;
  }

  static std::int64_t sum(const std::vector<std::int64_t>& lengths) {
    return std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  }

  void check_questions() {
    const std::string group = schema::question_group(sweep_.group);
    std::set_union(sweep_.shared.begin(), sweep_.shared.end(), sweep_.propagate.begin(),
                   sweep_.propagate.end(), std::back_inserter(questions_));
    expect_values(group, schema::kIndex, questions_);
    prompt_lengths_ = read_lengths(group, schema::kPromptTokenOffsets);
    check_columns(group, schema::kQuestionColumns, static_cast<std::int64_t>(questions_.size()), false,
                  sum(prompt_lengths_));
    std::set<std::string> seen;
    for (const std::string& id : read<std::string>(group, schema::kId)) {
      if (!seen.insert(id).second) report(schema::child(group, schema::kId), "'" + id + "' is there twice");
    }
  }

  void check_mode(LacMode mode, const std::vector<std::int64_t>& questions) {
    const std::string group = schema::mode_group(sweep_.group, mode);
    if (questions.empty()) {
      if (file_.exists(group)) report(group, "a mode that no unit of the plan asks for");
      return;
    }
    if (!file_.is_group(group)) return report(group, "it is missing");
    // Responses, scores or both: one of each kind an item.
    const Items answers = mode == LacMode::kTrace ? one_a_question(questions)
                                                  : one_a_threshold(questions, sweep_.alphas.size());
    if (mode != LacMode::kExit) {
      const Items prompts = mode == LacMode::kTrace ? one_a_question(questions) : answers;
      guard(group, [&] { check_prompts(group, prompts, mode == LacMode::kTrace); });
      guard(group, [&] {
        expect_values(schema::timing_group(group), schema::kQuestionIndex, questions);
        check_columns(schema::timing_group(group), schema::kPrefillTimingColumns,
                      static_cast<std::int64_t>(questions.size()), false, 0);
      });
    } else if (file_.object_address(schema::prompt_group(group)) !=
               file_.object_address(
                   schema::prompt_group(schema::mode_group(sweep_.group, LacMode::kTrace)))) {
      report(schema::prompt_group(group), "it is not the prompt phase of trace");
    }
    guard(group, [&] {
      check_responses(group, sweep_.asks_for(Scoring::kGenerate) ? answers : Items(),
                      mode == LacMode::kTrace);
    });
    const std::string scores = schema::loglik_group(group);
    if (sweep_.asks_for(Scoring::kLoglik)) {
      guard(scores, [&] { check_scores(scores, answers); });
    } else if (file_.exists(scores)) {
      report(scores, "log-likelihoods that no unit of the plan asks for");
    }
  }

  void check_prompts(const std::string& mode, const Items& items, bool has_alpha_axis) {
    const std::string group = schema::prompt_group(mode);
    expect_values(group, schema::kQuestionIndex, items.questions);
    expect_values(group, schema::kAlphaIndex, items.alphas);
    const std::vector<std::int64_t> lengths = read_lengths(group, schema::kRowOffsets);
    check_columns(group, schema::kPromptColumns, static_cast<std::int64_t>(items.questions.size()),
                  has_alpha_axis, sum(lengths));
    for (std::size_t i = 0; i < std::min(lengths.size(), items.questions.size()); ++i) {
      const auto question = std::lower_bound(questions_.begin(), questions_.end(), items.questions[i]);
      const auto row = static_cast<std::size_t>(std::distance(questions_.begin(), question));
      if (row >= prompt_lengths_.size() || prompt_lengths_[row] == lengths[i]) continue;
      return report(group, fmt::format("prompt trace {} has {} rows for a prompt of {} tokens", i, lengths[i],
                                       prompt_lengths_[row]));
    }
  }

  void check_responses(const std::string& mode, const Items& items, bool has_alpha_axis) {
    const std::string group = schema::response_group(mode);
    const auto count = static_cast<std::int64_t>(items.questions.size());
    expect_values(group, schema::kQuestionIndex, items.questions);
    expect_values(group, schema::kAlphaIndex, items.alphas);
    const std::vector<std::int64_t> tokens = read_lengths(group, schema::kTokenOffsets);
    check_columns(group, schema::kResponseColumns, count, false, sum(tokens));
    for (const auto column : {schema::kCorrect, schema::kStopReason}) check_flags(group, column);
    const std::string rg = schema::generation_group(mode);
    const std::vector<std::int64_t> rows = read_lengths(rg, schema::kRowOffsets);
    check_columns(rg, schema::kGenerationColumns, count, has_alpha_axis, sum(rows));
    for (std::size_t i = 0; i < std::min(rows.size(), tokens.size()); ++i) {
      if (rows[i] == std::max<std::int64_t>(0, tokens[i] - 1)) continue;
      report(rg, fmt::format("response {} has {} rows and {} tokens", i, rows[i], tokens[i]));
      break;
    }
    check_columns(schema::timing_group(mode), schema::kDecodeTimingColumns, count, false, 0);
  }

  void check_scores(const std::string& group, const Items& items) {
    expect_values(group, schema::kQuestionIndex, items.questions);
    expect_values(group, schema::kAlphaIndex, items.alphas);
    const std::vector<std::int64_t> continuations = read_lengths(group, schema::kContinuationOffsets);
    check_columns(group, schema::kLoglikColumns, static_cast<std::int64_t>(items.questions.size()), false,
                  sum(continuations));
    if (std::any_of(continuations.begin(), continuations.end(), [](std::int64_t n) { return n == 0; })) {
      report(schema::child(group, schema::kContinuationOffsets), "a score without continuations");
    }
    for (const auto column : {schema::kIsGreedy, schema::kCorrect, schema::kCorrectNormalized}) {
      check_flags(group, column);
    }
    const std::vector<std::int32_t> tokens = read<std::int32_t>(group, schema::kTokenCount);
    if (std::any_of(tokens.begin(), tokens.end(), [](std::int32_t count) { return count < 1; })) {
      report(schema::child(group, schema::kTokenCount), "a continuation without tokens");
    }
    const std::vector<double> values = read<double>(group, schema::kLogLikelihood);
    if (!std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); })) {
      report(schema::child(group, schema::kLogLikelihood), "values that are not finite");
    }
  }

  void check_flags(const std::string& group, std::string_view column) {
    const std::vector<std::uint8_t> values = read<std::uint8_t>(group, column);
    if (std::any_of(values.begin(), values.end(), [](std::uint8_t value) { return value > 1; })) {
      report(schema::child(group, column), "values other than 0 and 1");
    }
  }

  const Hdf5File& file_;
  const ExpectedSweep& sweep_;
  std::int64_t layers_ = 0;
  std::vector<std::int64_t> questions_;       // of both streams
  std::vector<std::int64_t> prompt_lengths_;  // tokens, one a question
  std::vector<std::string> problems_;
};

}  // namespace

bool ExpectedSweep::asks_for(Scoring wanted) const {
  return std::find(scoring.begin(), scoring.end(), wanted) != scoring.end();
}

std::vector<std::string> find_content_problems(const Hdf5File& file, const ExpectedSweep& sweep) {
  return SweepChecker(file, sweep).check();
}

}  // namespace lacuna
