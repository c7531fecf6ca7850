// A benchmark: numbered questions, the text a model is shown for each, and how its answers are judged.
//
// Protocols (their exact texts: docs/benchmarks.md):
//   paper    one chat user message, zero-shot, as the released code of arXiv 2505.14467 writes it; the answer
//   is
//            generated and then graded;
//   harness  the context and continuations of lm-evaluation-harness, compared by log-likelihood.
// `BenchmarkConfig::scoring` may ask for either way, or both, under either protocol. Both texts are available
// from every benchmark; `BenchmarkConfig::protocol` says which one a run uses, and sets the default order of
// the choices and what `Question::choices` and `gold` refer to.
//
// A kind of benchmark is one file that defines a BenchmarkKind (benchmark_kind.h) plus one line in
// benchmark_registry.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/experiment_config.h"
#include "core/ids.h"
#include "core/records.h"
#include "worker/benchmarks/grading/grader.h"

namespace lacuna {

struct Question {
  QuestionId id;        // the same in every run: "mmlu/astronomy/test/17" and "boolq/dev/12" (file stem; rows
                        // count from 0), GPQA's Record ID ("gpqa/<file stem>/<row>" where there is none)
  std::string subject;  // MMLU: "astronomy"; GPQA: "Physics" (high-level domain); BoolQ: empty
  std::string text;     // the question as the file has it, nothing trimmed
  std::string gold;     // "A".."D", "true", "false"
  std::vector<std::string> choices;  // four texts in the order shown; empty for BoolQ
};

// What a response was taken for.
struct Grade {
  std::string choice;  // "A".."D", "true", "false"; empty: none found
  bool correct = false;
};

// One of the texts whose log-likelihoods are compared.
struct Continuation {
  std::string text;    // what follows the context: in harness_continuations with a leading space
  std::string choice;  // the answer it stands for, as in Question::gold
  std::int32_t characters =
      0;  // Unicode characters of `text` without the leading space: acc_norm divides by it
};

// The harness's prompt in the parts that its chat mode keeps apart: the description becomes the system
// message, the rest the user message. Every part may be empty; the context is all three, one after the other.
struct HarnessPrompt {
  std::string description = {};
  std::string examples = {};
  std::string question = {};

  [[nodiscard]] std::string context() const { return description + examples + question; }
};

class Benchmark {
 public:
  virtual ~Benchmark() = default;
  Benchmark(const Benchmark&) = delete;
  Benchmark& operator=(const Benchmark&) = delete;

  // Number of questions after the selection of subjects and the limit.
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(questions_.size()); }
  // `index` from 0 to size() - 1; anything else is a std::out_of_range, here and below.
  [[nodiscard]] const Question& question(QuestionIndex index) const { return questions_[position_of(index)]; }
  // Content of the one user message of protocol paper.
  [[nodiscard]] virtual std::string user_message(QuestionIndex index) const = 0;
  // Protocol harness: description, `shots` examples, question.
  [[nodiscard]] virtual HarnessPrompt harness_prompt(QuestionIndex index) const = 0;
  [[nodiscard]] std::string harness_context(QuestionIndex index) const {
    return harness_prompt(index).context();
  }
  // Protocol harness, leading space included: " A", " (A)", " no"; with a chat template the harness leaves
  // the space out. In the order of the labels; empty for its generative variants (GPQA cot_zeroshot).
  [[nodiscard]] virtual std::vector<Continuation> harness_continuations(QuestionIndex index) const = 0;
  // Protocol paper: the answers that the message asks for, bare, in the order of the labels.
  [[nodiscard]] virtual std::vector<Continuation> paper_continuations(QuestionIndex index) const = 0;
  // Whether the harness reports acc_norm for the configured protocol and variant.
  [[nodiscard]] virtual bool has_normalized_accuracy() const { return false; }
  // What the released code's JSON files say of the question. MMLU adds the subject, GPQA the answer's text.
  [[nodiscard]] virtual AuthorTexts author_texts(QuestionIndex index) const;

  // Judges a generated answer by the configured rule. `response` is the text decoded with or without special
  // tokens; any bytes. Time is linear in its length.
  [[nodiscard]] Grade grade(QuestionIndex index, std::string_view response) const;

  [[nodiscard]] AnswerKind answer_kind() const { return answer_kind_; }
  [[nodiscard]] GradingRule grading_rule() const { return grading_rule_; }
  // What a user should know before trusting a number, one sentence each: choices in the author's order, and
  // so on. Usually empty.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 protected:
  Benchmark(AnswerKind answer_kind, GradingRule grading_rule)
      : answer_kind_(answer_kind), grading_rule_(grading_rule) {}

  // `index` as a position in questions_, range checked.
  [[nodiscard]] std::size_t position_of(QuestionIndex index) const;

  std::vector<Question> questions_;
  std::vector<std::string> warnings_;

 private:
  AnswerKind answer_kind_;
  GradingRule grading_rule_;
};

// The texts whose log-likelihoods a run with this config compares, as they follow the rendered prompt: those
// of its protocol, with a chat template without leading space. In the order of the labels.
std::vector<Continuation> list_continuations(const Benchmark& benchmark, QuestionIndex index,
                                             const BenchmarkConfig& config);

// Reads a benchmark and applies subjects, limit, shots, choice_order, variant and grading. `seed` decides the
// "fixed" order of choices (choice_order.h) and nothing else. Throws InputError that names the valid choices
// for any unknown name or a number out of range, and one with file, line, row and column for a malformed row.
//
// config.path:
//   mmlu   a directory with <split>/<subject>_<split>.csv (and dev/ if shots > 0), that <split> folder
//   itself, one
//          such file, or a .jsonl export of cais/mmlu (question, subject, choices, answer)
//   boolq  a .jsonl file (question, passage, answer or label, title or "title -- passage"), or a directory
//   with
//          <split>.jsonl, else dev.jsonl
//   gpqa   a .csv file, a .jsonl export with the same names, or a directory: its gpqa_diamond.csv, else all
//   its
//          .csv files in the order of their names
// config.subjects: MMLU subjects and groups (stem, humanities, social_sciences, other); GPQA high-level
// domains. config.limit counts questions of the whole selection, in order. config.shots: harness protocol
// only; MMLU 0..5 (as many as the dev file has), GPQA with variant n_shot.
std::unique_ptr<Benchmark> load_benchmark(const BenchmarkConfig& config, std::uint64_t seed);

// The files that load_benchmark reads for this config, in reading order, for the manifest's hashes. Same
// errors for paths and names.
std::vector<std::filesystem::path> files_of(const BenchmarkConfig& config);

// Registered kinds in alphabetical order.
std::vector<std::string> benchmark_kinds();
// Valid values of BenchmarkConfig::protocol for a kind. Throws InputError for an unknown kind.
std::vector<std::string> protocols_of(std::string_view kind);

}  // namespace lacuna
