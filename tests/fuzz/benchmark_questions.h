// Loads a benchmark and looks at everything that a run would ask of its questions.
#pragma once

#include <set>
#include <string>

#include "tests/fuzz/fuzz_input.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna::testing {

inline void read_all_questions(const BenchmarkConfig& config) {
  const auto benchmark = load_benchmark(config, 1);
  std::set<std::string> ids;
  for (std::int64_t i = 0; i < benchmark->size(); ++i) {
    const QuestionIndex index(static_cast<QuestionIndex::rep>(i));
    const Question& question = benchmark->question(index);
    require(ids.insert(question.id.value()).second, "no question id comes twice");
    const bool boolean = benchmark->answer_kind() == AnswerKind::kBoolean;
    require(question.choices.size() == (boolean ? 0U : 4U), "four choices, or none for true and false");
    require(boolean ? question.gold == "true" || question.gold == "false"
                    : question.gold.size() == 1 && question.gold[0] >= 'A' && question.gold[0] <= 'D',
            "the key is one of the choices");
    static_cast<void>(benchmark->user_message(index));
    static_cast<void>(benchmark->harness_context(index));
    static_cast<void>(benchmark->continuations(index));
    static_cast<void>(benchmark->author_texts(index));
    static_cast<void>(benchmark->grade(index, question.text));
    for (const std::string& choice : question.choices) {
      static_cast<void>(benchmark->grade(index, "The answer is " + choice));
    }
  }
}

}  // namespace lacuna::testing
