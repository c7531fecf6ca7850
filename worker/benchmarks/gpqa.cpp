// GPQA (Rein et al. 2023): four answers, of which the file says only which one is right, so their order is
// ours to choose (choice_order.h). Rows: gpqa_rows.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "worker/benchmarks/benchmark_kind.h"
#include "worker/benchmarks/choice_order.h"
#include "worker/benchmarks/gpqa_rows.h"
#include "worker/benchmarks/prompt_texts.h"
#include "worker/benchmarks/python_random.h"
#include "worker/benchmarks/unicode_text.h"

namespace lacuna {
namespace {

using Path = std::filesystem::path;

constexpr std::size_t kCorrect = 3;                     // position in GpqaRow::answers
constexpr std::uint32_t kHarnessFewShotSeed = 1234;     // lm-evaluation-harness's default
constexpr std::uint32_t kHarnessZeroShotOrderSeed = 0;  // of Python's global generator at start-up
constexpr std::uint32_t kHarnessFewShotOrderSeed = 42;  // of the n_shot tasks' own generator

enum class HarnessVariant { kZeroShot, kChainOfThought, kFewShot };

HarnessVariant parse_variant(const BenchmarkConfig& config) {
  if (config.variant.empty() || config.variant == "zeroshot") return HarnessVariant::kZeroShot;
  if (config.variant == "cot_zeroshot") return HarnessVariant::kChainOfThought;
  if (config.variant == "n_shot") return HarnessVariant::kFewShot;
  fail_config(config, fmt::format("unknown variant '{}'", config.variant), "",
              "use one of zeroshot, cot_zeroshot, n_shot");
}

void check_config(const BenchmarkConfig& config) {
  if (!config.choice_order.empty()) parse_choice_order(config.choice_order);
  const HarnessVariant variant = parse_variant(config);
  if (config.protocol == "paper") reject_variant(config);
  if (variant != HarnessVariant::kFewShot) reject_shots(config, "only variant n_shot takes examples");
  if (variant == HarnessVariant::kChainOfThought && config.asks_for(Scoring::kLoglik)) {
    fail_config(config, "scoring 'loglik' is given with variant 'cot_zeroshot'",
                "its answers are generated, it has no continuations to compare",
                "use scoring: [generate] or variant: zeroshot");
  }
}

std::vector<Path> find_files(const BenchmarkConfig& config) {
  if (!path_is_directory(config)) return {config.path};
  const Path diamond = config.path / "gpqa_diamond.csv";
  if (std::filesystem::is_regular_file(diamond)) return {diamond};
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(config.path)) {
    if (entry.path().extension() == ".csv" && entry.is_regular_file()) files.push_back(entry.path());
  }
  if (files.empty()) {
    fail_config(config, fmt::format("no .csv file in {}", config.path.string()), "",
                "let path be the CSV file itself");
  }
  std::sort(files.begin(), files.end());
  return files;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  std::string replaced;
  std::size_t position = 0;
  for (std::size_t found; (found = text.find(what, position)) != std::string::npos;) {
    replaced.append(text, position, found - position).append(by);
    position = found + what.size();
  }
  text = replaced.append(text, position);
}

// How the harness cleans an answer.
std::string clean_for_harness(const std::optional<std::string>& answer) {
  if (!answer) return " ";
  std::string text(trim_white_space(*answer));
  replace_all(text, " [title]", ". ");
  replace_all(text, "  ", " ");
  return text;
}

// What Python writes for a cell of the hub's data set.
std::string show_as_is(const std::optional<std::string>& answer) {
  return answer.value_or("None");
}

using Shown = std::vector<std::string>;

class GpqaBenchmark : public Benchmark {
 public:
  GpqaBenchmark(const BenchmarkConfig& config, std::uint64_t seed)
      : Benchmark(AnswerKind::kMultipleChoice, parse_grading_rule(config.grading)),
        variant_(parse_variant(config)),
        is_harness_(config.protocol == "harness") {
    std::vector<GpqaRow> rows = read_rows(config);
    const std::vector<Permutation> orders = choose_orders(config, seed, rows);
    std::vector<Question> questions;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Shown as_is;
      Shown cleaned;
      for (const std::size_t source : orders[i]) {
        as_is.push_back(show_as_is(rows[i].answers[source]));
        cleaned.push_back(clean_for_harness(rows[i].answers[source]));
      }
      // The harness takes the first text that equals the right one.
      const std::string correct = clean_for_harness(rows[i].answers[kCorrect]);
      const auto first_equal = std::find(cleaned.begin(), cleaned.end(), correct) - cleaned.begin();
      const auto true_place = std::find(orders[i].begin(), orders[i].end(), kCorrect) - orders[i].begin();
      const auto gold = static_cast<std::size_t>(is_harness_ ? first_equal : true_place);
      questions.push_back(
          {rows[i].id, rows[i].domain, rows[i].question, choice_letter(gold), is_harness_ ? cleaned : as_is});
      all_.push_back(
          {rows[i].question, as_is, cleaned, choice_letter(static_cast<std::size_t>(first_equal)), {}});
    }
    selected_ = select_questions(config, questions);
    if (config.shots > 0) draw_examples(config);
    for (const std::size_t i : selected_) questions_.push_back(std::move(questions[i]));
  }

  std::string user_message(QuestionIndex index) const override {
    const Row& row = row_of(index);
    return write_paper_choices_message(row.question, row.as_is);
  }

  // The released code keeps the right answer's text, not its letter.
  AuthorTexts author_texts(QuestionIndex index) const override {
    AuthorTexts texts = Benchmark::author_texts(index);
    const Question& asked = question(index);
    texts.true_answer = asked.choices.at(static_cast<std::size_t>(asked.gold.front() - 'A'));
    return texts;
  }

  HarnessPrompt harness_prompt(QuestionIndex index) const override {
    const Row& row = row_of(index);
    HarnessPrompt prompt{.question = write_harness_question(row)};
    if (variant_ != HarnessVariant::kFewShot) return prompt;
    prompt.description =
        "Here are some example questions from experts. Answer the final question yourself, following the "
        "format of the previous questions exactly.\n";
    for (const std::uint32_t example : row.examples) {
      prompt.examples +=
          fmt::format("{} ({})\n\n", write_harness_question(all_[example]), all_[example].harness_gold);
    }
    return prompt;
  }

  std::vector<Continuation> harness_continuations(QuestionIndex /*index*/) const override {
    if (variant_ == HarnessVariant::kChainOfThought) return {};
    return list_letter_continuations(kCorrect + 1, " ({})");
  }

  std::vector<Continuation> paper_continuations(QuestionIndex /*index*/) const override {
    return list_letter_continuations(kCorrect + 1, "{}");
  }

  bool has_normalized_accuracy() const override { return is_harness_; }

 private:
  struct Row {
    std::string question;
    Shown as_is;    // in the order shown
    Shown cleaned;  // the same, as the harness shows them
    std::string harness_gold;
    std::vector<std::uint32_t> examples;  // positions in all_
  };

  std::vector<GpqaRow> read_rows(const BenchmarkConfig& config) {
    std::vector<GpqaRow> rows;
    for (const Path& file : find_files(config)) {
      for (GpqaRow& row : read_gpqa_file(file)) rows.push_back(std::move(row));
    }
    std::set<std::string> ids;
    for (const GpqaRow& row : rows) {
      if (ids.insert(row.id.value()).second) continue;
      fail_config(config, fmt::format("two rows have the id '{}'", row.id.value()),
                  "the files of a directory are read as one", "let path be one CSV file");
    }
    return rows;
  }

  std::vector<Permutation> choose_orders(const BenchmarkConfig& config, std::uint64_t seed,
                                         const std::vector<GpqaRow>& rows) {
    const std::string usual = config.protocol == "harness" ? "harness" : "fixed";
    const ChoiceOrder order = parse_choice_order(config.choice_order.empty() ? usual : config.choice_order);
    if (order == ChoiceOrder::kHarness) {
      return permute_like_harness(
          variant_ == HarnessVariant::kFewShot ? kHarnessFewShotOrderSeed : kHarnessZeroShotOrderSeed,
          rows.size());
    }
    std::vector<Permutation> orders;
    for (const GpqaRow& row : rows) {
      orders.push_back(order == ChoiceOrder::kFixed ? permute_fixed(seed, row.id) : Permutation{0, 1, 2, 3});
    }
    if (order == ChoiceOrder::kAuthor) {
      warnings_.push_back(
          "choice_order 'author' puts the right answer last in every question: always answering D scores "
          "100 %, so accuracy measures the model's liking for D; choice_order 'fixed' avoids that");
    }
    return orders;
  }

  // One more than wanted is drawn for each row in order, then the row itself is left out.
  void draw_examples(const BenchmarkConfig& config) {
    if (config.shots >= static_cast<std::int64_t>(all_.size())) {
      fail_config(config, fmt::format("shots is {}", config.shots),
                  fmt::format("the examples are drawn from the file's other {} rows", all_.size() - 1),
                  "use fewer shots");
    }
    const auto wanted = static_cast<std::uint32_t>(config.shots);
    PythonRandom random(kHarnessFewShotSeed);
    for (std::uint32_t i = 0; i < all_.size(); ++i) {
      std::vector<std::uint32_t>& examples = all_[i].examples;
      examples = random.sample(static_cast<std::uint32_t>(all_.size()), wanted + 1);
      std::erase(examples, i);
      examples.resize(wanted);
    }
  }

  [[nodiscard]] const Row& row_of(QuestionIndex index) const { return all_[selected_[position_of(index)]]; }

  [[nodiscard]] std::string write_harness_question(const Row& row) const {
    const bool few_shot = variant_ == HarnessVariant::kFewShot;
    std::string text = few_shot ? "Question: " : "What is the correct answer to this question:";
    text += row.question + "\nChoices:\n";
    for (std::size_t i = 0; i < row.cleaned.size(); ++i) {
      text += fmt::format("({}) {}\n", choice_letter(i), row.cleaned[i]);
    }
    return text + (variant_ == HarnessVariant::kChainOfThought ? "Let's think step by step: " : "Answer:");
  }

  HarnessVariant variant_;
  bool is_harness_;                    // the protocol of the run
  std::vector<Row> all_;               // every row of the files: examples come from all of them
  std::vector<std::size_t> selected_;  // positions in all_, beside questions_
};

}  // namespace

BenchmarkKind make_gpqa_kind() {
  return {.name = "gpqa",
          .protocols = {"paper", "harness"},
          .files =
              [](const BenchmarkConfig& config) {
                check_config(config);
                return find_files(config);
              },
          .load = [](const BenchmarkConfig& config, std::uint64_t seed) -> std::unique_ptr<Benchmark> {
            check_config(config);
            return std::make_unique<GpqaBenchmark>(config, seed);
          }};
}

}  // namespace lacuna
