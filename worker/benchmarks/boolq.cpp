// BoolQ (Clark et al. 2019): yes/no questions about a passage.
//
// Three layouts of a row, told apart by their fields:
//   original     question, title, answer (boolean), passage
//   google/boolq question, answer, passage                          no title anywhere
//   super_glue   question, passage, idx, label (0 False, 1 True)    passage is "title -- passage"
// Protocol paper shows the passage without title; protocol harness the one of super_glue, with it.
#include <fmt/format.h>

#include "worker/benchmarks/benchmark_kind.h"
#include "worker/benchmarks/json_lines.h"
#include "worker/benchmarks/text_file.h"

namespace lacuna {
namespace {

constexpr std::string_view kTitleSeparator = " -- ";

struct Passage {
  std::string text;   // without title
  std::string title;  // empty: the file has none
};

Passage read_passage(const JsonRow& row, bool is_super_glue) {
  Passage passage{row.get_string("passage"), row.get_optional_string("title").value_or("")};
  if (!is_super_glue || row.has("title")) return passage;
  const std::size_t separator = passage.text.find(kTitleSeparator);
  if (separator == std::string::npos) return passage;
  passage.title = passage.text.substr(0, separator);
  passage.text.erase(0, separator + kTitleSeparator.size());
  return passage;
}

bool read_answer(const JsonRow& row) {
  if (row.has("answer") || !row.has("label")) return row.get_boolean("answer");
  const std::int64_t label = row.get_integer("label");
  if (label != 0 && label != 1) {
    row.fail("label", fmt::format("{} is not 0 or 1", label),
             label == -1 ? "use the validation split: the test split has no answers" : "");
  }
  return label == 1;
}

std::filesystem::path find_file(const BenchmarkConfig& config) {
  if (!path_is_directory(config)) return config.path;
  for (const std::string& name : {config.split + ".jsonl", std::string("dev.jsonl")}) {
    if (std::filesystem::is_regular_file(config.path / name)) return config.path / name;
  }
  fail_config(config, fmt::format("no {}.jsonl or dev.jsonl in {}", config.split, config.path.string()), "",
              "let path be the JSON-lines file itself");
}

class BoolqBenchmark : public Benchmark {
 public:
  explicit BoolqBenchmark(const BenchmarkConfig& config)
      : Benchmark(AnswerKind::kBoolean, parse_grading_rule(config.grading)) {
    const std::filesystem::path file = find_file(config);
    std::vector<Question> questions;
    std::vector<Passage> passages;
    std::size_t titles = 0;
    for_each_json_row(read_text_file(file), file, [&](const JsonRow& row) {
      Question question;
      question.id = QuestionId(fmt::format("boolq/{}/{}", file.stem().string(), row.row()));
      question.text = row.get_string("question");
      question.gold = read_answer(row) ? "true" : "false";
      passages.push_back(read_passage(row, row.has("label") && !row.has("answer")));
      if (!passages.back().title.empty()) ++titles;
      questions.push_back(std::move(question));
    });
    for (const std::size_t i : select_questions(config, questions)) {
      questions_.push_back(std::move(questions[i]));
      passages_.push_back(std::move(passages[i]));
    }
    if (config.protocol == "harness" && titles < questions.size()) {
      warnings_.push_back(fmt::format(
          "{}: {} of {} rows have no title, which lm-evaluation-harness shows in front of the passage",
          file.string(), questions.size() - titles, questions.size()));
    }
  }

  std::string user_message(QuestionIndex index) const override {
    return fmt::format(
        "\n    Respond to the given question based on the passage with True or False.\n    Passage:\n    "
        "{}\n\n"
        "    Options:\n    {}\n\n    Output Format:\n    [True/False]\n    ",
        passage(index).text, question(index).text);
  }

  HarnessPrompt harness_prompt(QuestionIndex index) const override {
    const auto& [text, title] = passage(index);
    const std::string full_text = title.empty() ? text : fmt::format("{}{}{}", title, kTitleSeparator, text);
    return {.question = fmt::format("{}\nQuestion: {}?\nAnswer:", full_text, question(index).text)};
  }

  std::vector<Continuation> harness_continuations(QuestionIndex /*index*/) const override {
    return {{" no", "false", 2}, {" yes", "true", 3}};
  }

  std::vector<Continuation> paper_continuations(QuestionIndex /*index*/) const override {
    return {{"False", "false", 5}, {"True", "true", 4}};
  }

 private:
  [[nodiscard]] const Passage& passage(QuestionIndex index) const { return passages_[position_of(index)]; }

  std::vector<Passage> passages_;
};

void check_config(const BenchmarkConfig& config) {
  reject_choice_order(config);
  reject_variant(config);
  reject_shots(config, "boolq's examples would come from its training split, which is not read");
}

}  // namespace

BenchmarkKind make_boolq_kind() {
  return {.name = "boolq",
          .protocols = {"paper", "harness"},
          .files = [](const BenchmarkConfig& config) -> std::vector<std::filesystem::path> {
            check_config(config);
            return {find_file(config)};
          },
          .load = [](const BenchmarkConfig& config, std::uint64_t /*seed*/) -> std::unique_ptr<Benchmark> {
            check_config(config);
            return std::make_unique<BoolqBenchmark>(config);
          }};
}

}  // namespace lacuna
