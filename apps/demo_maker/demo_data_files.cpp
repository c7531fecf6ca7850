#include "apps/demo_maker/demo_data_files.h"

#include <fmt/format.h>

#include <fmt/ranges.h>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/demo_maker/demo_words.h"
#include "apps/demo_maker/whole_file.h"

namespace lacuna {
namespace {

std::string quote_cell(std::string_view cell) {
  if (cell.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(cell);
  std::string quoted(1, '"');
  for (const char c : cell) quoted.append(c == '"' ? 2 : 1, c);
  quoted.push_back('"');
  return quoted;
}

std::string join_row(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = quote_cell(cell);
  return fmt::format("{}\n", fmt::join(cells, ","));
}

void append(std::vector<std::string>& columns, std::initializer_list<const char*> names,
            const std::string& suffix = "") {
  for (const char* name : names) columns.push_back(name + suffix);
}

// The header of gpqa_diamond.csv, in its order.
std::vector<std::string> list_gpqa_columns() {
  std::vector<std::string> columns;
  append(columns, {"Pre-Revision Question",
                   "Pre-Revision Correct Answer",
                   "Pre-Revision Incorrect Answer 1",
                   "Pre-Revision Incorrect Answer 2",
                   "Pre-Revision Incorrect Answer 3",
                   "Pre-Revision Explanation",
                   "Self-reported question-writing time (minutes)",
                   "Question",
                   "Correct Answer",
                   "Incorrect Answer 1",
                   "Incorrect Answer 2",
                   "Incorrect Answer 3",
                   "Explanation",
                   "Revision Comments (from Question Writer)",
                   "Subdomain",
                   "Writer's Difficulty Estimate",
                   "Extra Revised Question",
                   "Extra Revised Explanation",
                   "Extra Revised Correct Answer",
                   "Extra Revised Incorrect Answer 1",
                   "Extra Revised Incorrect Answer 2",
                   "Extra Revised Incorrect Answer 3",
                   "Non-Expert Validator Accuracy",
                   "Majority Non-Expert Vals Incorrect",
                   "Expert Validator Accuracy",
                   "Record ID",
                   "High-level domain",
                   "Question Writer"});
  for (const char* suffix : {"_EV_1", "_EV_2"}) {
    append(columns,
           {"Feedback", "Validator Revision Suggestion", "Is First Validation", "Post hoc agreement",
            "Sufficient Expertise?", "Understand the question?", "Question Difficulty",
            "Validator Answered Correctly", "Self-reported time (minutes)", "Probability Correct",
            "Manual Correctness Adjustment", "Expert Validator"},
           suffix);
  }
  for (const char* suffix : {"_NEV_1", "_NEV_2", "_NEV_3"}) {
    append(
        columns,
        {"Feedback", "Validator Answered Correctly", "Explanation", "Self-reported time (minutes)",
         "Websites visited", "Probability Correct", "Manual Correctness Adjustment", "Non-Expert Validator"},
        suffix);
  }
  append(columns, {"Expert Validator Disagreement Category", "Canary String"});
  return columns;
}

// GPQA knows three domains.
std::string name_domain(const std::string& subject) {
  static const std::map<std::string, std::string> domains = {
      {"nature", "Biology"}, {"kitchen", "Chemistry"}, {"village", "Physics"}, {"matter", "Chemistry"}};
  return domains.at(subject);
}

std::vector<ChoiceQuestion> select_subject(const std::vector<ChoiceQuestion>& questions,
                                           const std::string& subject) {
  std::vector<ChoiceQuestion> selected;
  for (const ChoiceQuestion& question : questions) {
    if (question.subject == subject) selected.push_back(question);
  }
  return selected;
}

}  // namespace

void write_mmlu_file(const std::filesystem::path& file, const std::vector<ChoiceQuestion>& questions) {
  std::string text;
  for (const ChoiceQuestion& question : questions) {
    const auto& c = question.choices;
    const std::string letter(1, static_cast<char>('A' + question.answer));
    text += join_row({question.question, c[0], c[1], c[2], c[3], letter});
  }
  write_whole_file(file, text);
}

void write_gpqa_file(const std::filesystem::path& file, const std::vector<ChoiceQuestion>& questions,
                     std::string_view record_prefix) {
  const std::vector<std::string> columns = list_gpqa_columns();
  std::string text = join_row(columns);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const ChoiceQuestion& question = questions[i];
    std::map<std::string, std::string> cells = {
        {"Question", question.question},
        {"Correct Answer", question.choices[question.answer]},
        {"Explanation", "Made by lacuna-make-demo."},
        {"Record ID", fmt::format("rec{}{:08}", record_prefix, i)},
        {"High-level domain", name_domain(question.subject)},
    };
    std::size_t wrong = 0;
    for (std::size_t place = 0; place < question.choices.size(); ++place) {
      if (place == question.answer) continue;
      cells[fmt::format("Incorrect Answer {}", ++wrong)] = question.choices[place];
    }
    std::vector<std::string> row;
    for (const std::string& column : columns) row.push_back(cells[column]);
    text += join_row(row);
  }
  write_whole_file(file, text);
}

void write_boolq_file(const std::filesystem::path& file, const std::vector<PassageQuestion>& questions) {
  std::string text;
  for (const PassageQuestion& question : questions) {
    const nlohmann::ordered_json line = {{"question", question.question},
                                         {"title", question.title},
                                         {"answer", question.answer},
                                         {"passage", question.passage}};
    text += line.dump() + '\n';
  }
  write_whole_file(file, text);
}

void write_test_files(const std::filesystem::path& directory, const DemoTestSet& set) {
  for (const std::string& subject : demo_subjects()) {
    write_mmlu_file(directory / "mmlu" / "dev" / (subject + "_dev.csv"),
                    select_subject(set.category_dev, subject));
    write_mmlu_file(directory / "mmlu" / "test" / (subject + "_test.csv"),
                    select_subject(set.category_test, subject));
  }
  write_gpqa_file(directory / "gpqa.csv", set.analogies, "Lacuna");
  write_boolq_file(directory / "boolq.jsonl", set.passages);
}

}  // namespace lacuna
