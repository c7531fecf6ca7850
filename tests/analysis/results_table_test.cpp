#include "analysis/results_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "results/merge.h"
#include "tests/results/synthetic_run.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::SyntheticRun;
using testing::TemporaryFolder;

double slow_share(const TraceRows& rows, std::int64_t alpha) {
  double active = 0;
  for (std::int64_t token = 0; token < rows.tokens; ++token) {
    for (std::int64_t layer = 0; layer < rows.layers; ++layer) {
      active += rows.is_active(token, alpha, layer) ? 1 : 0;
    }
  }
  return active / static_cast<double>(rows.tokens * rows.layers);
}

// A row computed from the records themselves, decision by decision.
TableRow expected_row(const SyntheticRun& made, std::int32_t model, std::int32_t benchmark, LacMode mode,
                      std::int32_t alpha) {
  TableRow row;
  double pp = 0;
  double rg = 0;
  std::int64_t answered = 0;
  std::map<std::int64_t, bool> baseline;
  for (const WorkUnit& unit : made.plan) {
    if (unit.model.value() != model || unit.benchmark.value() != benchmark) continue;
    const bool is_propagate = unit.stream == StreamKind::kPropagate;
    for (std::int64_t i = 0; i < unit.question_count; ++i) {
      const std::int64_t question = unit.first_question.value() + i;
      const QuestionRecord record = made.record(unit, question);
      if (!is_propagate) baseline[question] = record.responses[0].correct;
      if ((mode == LacMode::kPropagate) != is_propagate) continue;
      for (const ResponseRecord& response : record.responses) {
        if (response.mode != mode || (response.alpha && response.alpha->value() != alpha)) continue;
        ++row.questions;
        row.baseline_correct += baseline[question] ? 1 : 0;
        row.correct += response.correct ? 1 : 0;
        row.unparsed += response.choice.empty() ? 1 : 0;
        pp += slow_share(record.pp[is_propagate ? static_cast<std::size_t>(alpha) : 0],
                         is_propagate ? 0 : alpha);
        if (response.rg.tokens == 0) continue;
        rg += slow_share(response.rg, response.alpha ? 0 : alpha);
        ++answered;
      }
    }
  }
  row.pp_layers = pp / static_cast<double>(row.questions);
  row.rg_layers = rg / static_cast<double>(answered);
  return row;
}

TEST(ResultsTable, EveryRowEqualsWhatTheRecordsSay) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_manifest_file();
  made.write_parts(made.all_units());
  const ResultsTable table = compute_table(merge_run(made.run));
  ASSERT_EQ(table.rows.size(), 2U * 2U * 3U * 3U);
  std::size_t number = 0;
  for (std::int32_t model = 0; model < 2; ++model) {
    for (std::int32_t benchmark = 0; benchmark < 2; ++benchmark) {
      for (const LacMode mode : {LacMode::kTrace, LacMode::kExit, LacMode::kPropagate}) {
        for (std::int32_t alpha = 0; alpha < 3; ++alpha) {
          const TableRow& row = table.rows[number++];
          const TableRow expected = expected_row(made, model, benchmark, mode, alpha);
          SCOPED_TRACE(row.model + " " + row.benchmark + " " + std::string(to_string(row.mode)));
          EXPECT_EQ(row.mode, mode);
          EXPECT_EQ(row.alpha, made.config.lac.alphas[static_cast<std::size_t>(alpha)]);
          EXPECT_EQ(row.questions, 7);
          EXPECT_EQ(row.questions, expected.questions);
          EXPECT_EQ(row.baseline_correct, expected.baseline_correct);
          EXPECT_EQ(row.correct, expected.correct);
          EXPECT_EQ(row.unparsed, 1);
          EXPECT_NEAR(*row.pp_layers, *expected.pp_layers, 1e-12);
          EXPECT_NEAR(*row.rg_layers, *expected.rg_layers, 1e-12);
          if (mode == LacMode::kTrace) {
            EXPECT_EQ(row.correct, row.baseline_correct);
          }
        }
      }
    }
  }
}

// Of the record's scores the one under that mode and, but for trace, threshold.
const ScoreRecord& find_score(const QuestionRecord& record, LacMode mode, std::int32_t alpha) {
  for (const ScoreRecord& score : record.scores) {
    if (score.mode == mode && (!score.alpha || score.alpha->value() == alpha)) return score;
  }
  throw std::logic_error("no such score");
}

TEST(ResultsTable, LogLikelihoodsHaveRowsOfTheirOwn) {
  const TemporaryFolder folder;
  SyntheticRun made(folder.path() / "run");
  made.config.benchmarks[0].scoring = {Scoring::kGenerate, Scoring::kLoglik};
  made.config.benchmarks[1].scoring = {Scoring::kLoglik};
  made.write_manifest_file();
  made.write_parts(made.all_units());
  const ResultsTable table = compute_table(merge_run(made.run));
  // A model: mmlu generate, loglik, loglik-norm, boolq loglik; three modes and thresholds each.
  ASSERT_EQ(table.rows.size(), 2U * 4U * 9U);
  std::vector<std::string> blocks;
  for (std::size_t i = 0; i < 36; i += 9) {
    blocks.push_back(table.rows[i].benchmark + " " + std::string(to_string(table.rows[i].scoring)));
  }
  EXPECT_THAT(blocks,
              ::testing::ElementsAre("mmlu generate", "mmlu loglik", "mmlu loglik-norm", "boolq loglik"));
  for (std::size_t i = 0; i < 36; ++i) {
    const TableRow& row = table.rows[i];
    if (row.scoring == RowScoring::kGenerate) continue;
    const auto alpha = static_cast<std::int32_t>(i % 3);
    const bool normalized = row.scoring == RowScoring::kLoglikNormalized;
    const auto is_right = [&](const ScoreRecord& score) {
      return normalized ? score.correct_normalized : score.correct;
    };
    std::int64_t correct = 0;
    std::int64_t baseline = 0;
    for (const WorkUnit& unit : made.plan) {
      if (unit.model.value() != 0 || unit.benchmark.value() != (row.benchmark == "mmlu" ? 0 : 1)) continue;
      const bool is_propagate = unit.stream == StreamKind::kPropagate;
      for (std::int64_t q = unit.first_question.value();
           q < unit.first_question.value() + unit.question_count; ++q) {
        const QuestionRecord record = made.record(unit, q);
        if (!is_propagate) baseline += is_right(find_score(record, LacMode::kTrace, -1)) ? 1 : 0;
        if ((row.mode == LacMode::kPropagate) != is_propagate) continue;
        correct += is_right(find_score(record, row.mode, alpha)) ? 1 : 0;
      }
    }
    EXPECT_EQ(row.questions, 7);
    EXPECT_EQ(row.correct, correct);
    EXPECT_EQ(row.baseline_correct, baseline);
    EXPECT_EQ(row.unparsed, 0);
    EXPECT_FALSE(row.rg_layers.has_value());
    EXPECT_TRUE(row.pp_layers.has_value());
    // The prompt phase is that of the answers.
    if (row.benchmark == "mmlu") {
      EXPECT_EQ(row.pp_layers, table.rows[i % 9].pp_layers);
    }
  }
  EXPECT_THAT(render_table(table, TableFormat::kMarkdown),
              AllOf(HasSubstr("| scoring "), HasSubstr("| loglik-norm "), HasSubstr("acc_norm")));
  EXPECT_THAT(render_table(table, TableFormat::kCsv), HasSubstr("\ntiny-a,boolq,loglik,trace,0.2,7,"));
  EXPECT_THAT(render_table(table, TableFormat::kLatex), HasSubstr("tiny-a & mmlu & loglik-norm & exit & "));
}

TEST(ResultsTable, FormatsSayWhereTheNumbersComeFrom) {
  const TemporaryFolder folder;
  SyntheticRun made(folder.path() / "run");
  made.config.models[0].name = "tiny_a";
  made.write_manifest_file();
  made.write_parts(made.all_units());
  const auto store = merge_run(made.run);
  const std::string markdown = render_table(store, TableFormat::kMarkdown);
  EXPECT_THAT(markdown, AllOf(HasSubstr("synthetic"), HasSubstr(store.string()),
                              HasSubstr("up to 7 questions"), HasSubstr("| tiny_a "), HasSubstr("template"),
                              Not(HasSubstr("INCOMPLETE")), Not(HasSubstr("loglik"))));
  const std::string csv = render_table(store, TableFormat::kCsv);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 37);
  EXPECT_THAT(csv, HasSubstr("\ntiny_a,mmlu,generate,exit,0.2,7,"));
  const std::string latex = render_table(store, TableFormat::kLatex);
  EXPECT_THAT(latex, AllOf(HasSubstr("\\toprule"), HasSubstr("\\bottomrule"),
                           HasSubstr("tiny\\_a & mmlu & generate & trace"), HasSubstr("booktabs"),
                           Not(HasSubstr("tiny_a &"))));
  EXPECT_EQ(markdown, render_table(store, TableFormat::kMarkdown));
}

TEST(ResultsTable, AnIncompleteStoreSaysSoAndPairsWhatItHas) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_manifest_file();
  made.write_parts({0, 3, 4});  // shared 0-2; propagate 0-2 and 3-5
  record_failed_unit(made.run, made.plan[1].id, "out of memory");
  const auto store = merge_run(made.run, {.allow_incomplete = true});
  const ResultsTable table = compute_table(store);
  ASSERT_EQ(table.rows.size(), 9U);
  for (const TableRow& row : table.rows) EXPECT_EQ(row.questions, 3);
  EXPECT_THAT(render_table(store, TableFormat::kMarkdown),
              AllOf(HasSubstr("INCOMPLETE: 21 units are missing"), HasSubstr("out of memory")));
  EXPECT_THAT(render_table(store, TableFormat::kLatex), HasSubstr("% INCOMPLETE"));
  EXPECT_THAT(render_table(store, TableFormat::kCsv), HasSubstr(",false,"));
}

TEST(ResultsTable, RowsWithoutAnyPairAreEmptyNotWrong) {
  const TemporaryFolder folder;
  const SyntheticRun made(folder.path() / "run");
  made.write_manifest_file();
  made.write_parts({3});  // propagate only
  const auto store = merge_run(made.run, {.allow_incomplete = true});
  const ResultsTable table = compute_table(store);
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0].questions, 0);
  EXPECT_FALSE(table.rows[0].pp_layers.has_value());
  EXPECT_THAT(render_table(store, TableFormat::kMarkdown), Not(HasSubstr("nan")));
  EXPECT_THAT(render_table(store, TableFormat::kCsv), Not(HasSubstr("nan")));
}

TEST(ResultsTable, FormatNamesAreChecked) {
  EXPECT_EQ(parse_table_format("latex"), TableFormat::kLatex);
  EXPECT_THROW((void)parse_table_format("xml"), InputError);
}

}  // namespace
}  // namespace lacuna
