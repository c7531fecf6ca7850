#include <gtest/gtest.h>

#include "tests/reference_files.h"
#include "worker/benchmarks/grading/grader.h"
#include "worker/benchmarks/json_lines.h"
#include "worker/benchmarks/text_file.h"

namespace lacuna {
namespace {

std::string expected_choice(const JsonRow& row, const std::string& rule) {
  if (!row.has(rule)) return {};
  if (row.is_boolean(rule)) return row.get_boolean(rule) ? "true" : "false";
  return row.get_string(rule);
}

TEST(GoldenExtraction, EveryResponseUnderBothRules) {
  LACUNA_NEEDS_REFERENCE("data/golden_extraction.jsonl");
  const auto file = testing::reference_root() / "data/golden_extraction.jsonl";
  std::int64_t cases = 0;
  for_each_json_row(read_text_file(file), file, [&](const JsonRow& row) {
    const bool boolean = row.get_string("task") == "boolq";
    for (const GradingRule rule : {GradingRule::kStrict, GradingRule::kLenient}) {
      const std::string choice = extract_choice(
          boolean ? AnswerKind::kBoolean : AnswerKind::kMultipleChoice, rule, row.get_string("response"),
          row.has("choices") ? row.get_strings("choices") : std::vector<std::string>());
      EXPECT_EQ(choice, expected_choice(row, std::string(to_string(rule))))
          << row.get_string("id") << ' ' << to_string(rule);
    }
    ++cases;
  });
  EXPECT_EQ(cases, 80);
}

}  // namespace
}  // namespace lacuna
