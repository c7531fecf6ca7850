// MMLU (Hendrycks et al. 2021): four choices, 57 subjects. Reads the original CSV files (question, A, B, C,
// D, key; no header row; nothing trimmed) and JSON-lines exports of cais/mmlu (question, subject, choices,
// answer 0..3).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "core/error.h"
#include "worker/benchmarks/benchmark_kind.h"
#include "worker/benchmarks/csv_file.h"
#include "worker/benchmarks/json_lines.h"
#include "worker/benchmarks/mmlu_checksums.h"
#include "worker/benchmarks/mmlu_files.h"
#include "worker/benchmarks/prompt_texts.h"
#include "worker/benchmarks/text_file.h"
#include "worker/benchmarks/unicode_text.h"

namespace lacuna {
namespace {

constexpr std::size_t kChoices = 4;

using Path = std::filesystem::path;

bool is_key(std::string_view text) {
  return text.size() == 1 && text[0] >= 'A' && text[0] <= 'D';
}

Question read_csv_row(const CsvRow& row, const MmluSubjectFile& source, const Path& file,
                      std::string_view split, std::size_t index) {
  constexpr std::size_t kCells = kChoices + 2;
  if (row.cells.size() != kCells) {
    throw InputError({.problem = fmt::format("row {} has {} cells", index + 1, row.cells.size()),
                      .why = "an MMLU row has 6: question, A, B, C, D, key",
                      .suggestion = "use the files of the original data.tar"},
                     SourceLocation{file, row.cells.front().line});
  }
  const CsvCell& key = row.cells.back();
  if (!is_key(key.text)) {
    throw InputError({.problem = fmt::format("row {}, column 6 (key): not one of A, B, C, D", index + 1),
                      .suggestion = index == 0 ? "the original files have no header row" : ""},
                     SourceLocation{file, key.line, key.column});
  }
  Question question{QuestionId(fmt::format("mmlu/{}/{}/{}", source.subject, split, index)),
                    source.subject,
                    row.cells[0].text,
                    key.text,
                    {}};
  for (std::size_t i = 0; i < kChoices; ++i) question.choices.push_back(row.cells[1 + i].text);
  return question;
}

// Files that are not as they were published, by what is different.
using ChangedFiles = std::map<MmluCopy, std::vector<std::string>>;

std::vector<Question> read_csv(const MmluSubjectFile& source, const Path& file, std::string_view split,
                               ChangedFiles& changed) {
  const std::string content = read_text_file(file);
  changed[compare_with_original(file, content)].push_back(file.string());
  std::vector<Question> questions;
  for (const CsvRow& row : parse_csv(content, file)) {
    questions.push_back(read_csv_row(row, source, file, split, questions.size()));
  }
  return questions;
}

std::string read_export_key(const JsonRow& row) {
  if (row.is_string("answer")) {
    std::string letter = row.get_string("answer");
    if (!is_key(letter)) row.fail("answer", "not one of A, B, C, D");
    return letter;
  }
  const std::int64_t position = row.get_integer("answer");
  if (position < 0 || position >= static_cast<std::int64_t>(kChoices)) {
    row.fail("answer", fmt::format("{} is not one of 0, 1, 2, 3", position));
  }
  return choice_letter(static_cast<std::size_t>(position));
}

// Rows of one subject are numbered as in its CSV file, so an export gives the same ids.
std::vector<Question> read_export(const Path& file, std::string_view split) {
  std::vector<Question> questions;
  std::map<std::string, std::size_t> rows_of_subject;
  for_each_json_row(read_text_file(file), file, [&](const JsonRow& row) {
    Question question;
    question.subject = row.get_string("subject");
    question.id = QuestionId(
        fmt::format("mmlu/{}/{}/{}", question.subject, split, rows_of_subject[question.subject]++));
    question.text = row.get_string("question");
    question.choices = row.get_strings("choices");
    if (question.choices.size() != kChoices) {
      row.fail("choices", fmt::format("{} choices instead of 4", question.choices.size()));
    }
    question.gold = read_export_key(row);
    questions.push_back(std::move(question));
  });
  return questions;
}

std::string write_harness_question(const Question& question) {
  std::string text = fmt::format("{}\n", trim_white_space(question.text));
  for (std::size_t i = 0; i < question.choices.size(); ++i) {
    text += fmt::format("{}. {}\n", choice_letter(i), question.choices[i]);
  }
  return text + "Answer:";
}

class MmluBenchmark : public Benchmark {
 public:
  explicit MmluBenchmark(const BenchmarkConfig& config)
      : Benchmark(AnswerKind::kMultipleChoice, parse_grading_rule(config.grading)) {
    const MmluFiles files = find_mmlu_files(config);
    BenchmarkConfig selection = config;
    std::vector<Question> questions;
    if (files.csv.empty()) {
      questions = read_export(files.export_file, config.split);
      selection.subjects = expand_mmlu_subjects(config, subjects_of(questions));
    } else {
      for (const MmluSubjectFile& source : files.csv) {
        for (Question& question : read_csv(source, source.file, source.split, changed_files_)) {
          questions.push_back(std::move(question));
        }
      }
      selection.subjects.clear();  // only the wanted files were read
    }
    for (const std::size_t i : select_questions(selection, questions)) {
      questions_.push_back(std::move(questions[i]));
    }
    if (config.shots > 0) read_examples(config, files);
    warn_of_changed_files();
  }

  std::string user_message(QuestionIndex index) const override {
    const Question& asked = question(index);
    return write_paper_choices_message(asked.text, asked.choices);
  }

  AuthorTexts author_texts(QuestionIndex index) const override {
    AuthorTexts texts = Benchmark::author_texts(index);
    texts.subject = question(index).subject;
    return texts;
  }

  HarnessPrompt harness_prompt(QuestionIndex index) const override {
    const Question& asked = question(index);
    std::string subject = asked.subject;
    std::replace(subject.begin(), subject.end(), '_', ' ');
    const auto examples = examples_of_subject_.find(asked.subject);
    return {.description = fmt::format(
                "The following are multiple choice questions (with answers) about {}.\n\n", subject),
            .examples = examples == examples_of_subject_.end() ? std::string() : examples->second,
            .question = write_harness_question(asked)};
  }

  std::vector<Continuation> harness_continuations(QuestionIndex /*index*/) const override {
    return list_letter_continuations(kChoices, " {}");
  }

  std::vector<Continuation> paper_continuations(QuestionIndex /*index*/) const override {
    return list_letter_continuations(kChoices, "{}");
  }

 private:
  static std::vector<std::string> subjects_of(const std::vector<Question>& questions) {
    std::set<std::string> subjects;
    for (const Question& question : questions) subjects.insert(question.subject);
    return {subjects.begin(), subjects.end()};
  }

  // The first `shots` rows of each subject's examples, in order.
  void read_examples(const BenchmarkConfig& config, const MmluFiles& files) {
    std::map<std::string, std::vector<Question>> rows;
    if (files.csv.empty()) {
      for (Question& row : read_export(files.export_example_file, "dev")) {
        rows[row.subject].push_back(std::move(row));
      }
    }
    for (const MmluSubjectFile& source : files.csv) {
      rows[source.subject] = read_csv(source, source.example_file, "dev", changed_files_);
    }
    for (const std::string& subject : subjects_of(questions_)) {
      const std::vector<Question>& examples = rows[subject];
      if (static_cast<std::int64_t>(examples.size()) < config.shots) {
        fail_config(config, fmt::format("shots is {}", config.shots),
                    fmt::format("there are {} examples of {}", examples.size(), subject), "use fewer shots");
      }
      std::string& text = examples_of_subject_[subject];
      for (std::size_t i = 0; i < static_cast<std::size_t>(config.shots); ++i) {
        text += fmt::format("{} {}\n\n", write_harness_question(examples[i]), examples[i].gold);
      }
    }
  }

  // Only a warning: people use corrected files, and parts of files.
  void warn_of_changed_files() {
    const auto warn = [this](MmluCopy copy, std::string_view difference) {
      constexpr std::size_t kNamed = 5;
      const std::vector<std::string>& files = changed_files_[copy];
      if (files.empty()) return;
      const std::size_t named = std::min(files.size(), kNamed);
      const std::string more =
          files.size() > named ? fmt::format(" and {} more", files.size() - named) : std::string();
      warnings_.push_back(
          fmt::format("{}{}: {}", fmt::join(std::span(files).first(named), ", "), more, difference));
    };
    warn(MmluCopy::kDifferent,
         "not the file of MMLU's data.tar (SHA-256 differs): the copy is damaged or was edited");
    warn(MmluCopy::kOtherLineEnds,
         "as in MMLU's data.tar but for its line ends, which also stand inside of questions");
  }

  ChangedFiles changed_files_;
  std::map<std::string, std::string> examples_of_subject_;  // empty if zero-shot
};

void check_config(const BenchmarkConfig& config) {
  reject_choice_order(config);
  reject_variant(config);
}

std::vector<Path> list_files(const BenchmarkConfig& config) {
  check_config(config);
  const MmluFiles found = find_mmlu_files(config);
  std::vector<Path> files;
  for (const MmluSubjectFile& source : found.csv) files.push_back(source.file);
  if (found.csv.empty()) files.push_back(found.export_file);
  if (config.shots == 0) return files;
  for (const MmluSubjectFile& source : found.csv) files.push_back(source.example_file);
  if (found.csv.empty()) files.push_back(found.export_example_file);
  return files;
}

}  // namespace

BenchmarkKind make_mmlu_kind() {
  return {.name = "mmlu",
          .protocols = {"paper", "harness"},
          .files = list_files,
          .load = [](const BenchmarkConfig& config, std::uint64_t /*seed*/) -> std::unique_ptr<Benchmark> {
            check_config(config);
            return std::make_unique<MmluBenchmark>(config);
          }};
}

}  // namespace lacuna
