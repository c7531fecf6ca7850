// Loads a benchmark in every way that a config can ask for, and looks at everything that a run would ask of
// its questions.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_input.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna::testing {

// Refusals pass through.
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
    const std::vector<Continuation> continuations = list_continuations(*benchmark, index, config);
    require(continuations.size() == (config.variant == "cot_zeroshot" ? 0U
                                     : boolean                        ? 2U
                                                                      : 4U),
            "a continuation for each answer, or none where the answer is written out");
    static_cast<void>(benchmark->author_texts(index));
    static_cast<void>(benchmark->grade(index, question.text));
    for (const std::string& choice : question.choices) {
      static_cast<void>(benchmark->grade(index, "The answer is " + choice));
    }
  }
}

// Both protocols, with each grading rule once; for GPQA also its variants and orders of the choices, each
// once. `config` names kind and path.
inline void read_in_every_way(BenchmarkConfig config) {
  struct Way {
    const char* protocol;
    const char* grading;
    const char* variant = "";
    const char* choice_order = "";
    std::int64_t shots = 0;
  };
  std::vector<Way> ways = {{"paper", "strict"}, {"harness", "lenient"}};
  if (config.kind == "gpqa") {
    ways.push_back({"paper", "lenient", "", "author"});
    ways.push_back({"paper", "strict", "", "harness"});
    ways.push_back({"harness", "strict", "cot_zeroshot", "fixed"});
    ways.push_back({"harness", "strict", "n_shot", "", 2});
  } else {
    ways.push_back({"paper", "lenient"});
    ways.push_back({"harness", "strict"});
  }
  for (const Way& way : ways) {
    config.protocol = way.protocol;
    config.grading = way.grading;
    config.variant = way.variant;
    config.choice_order = way.choice_order;
    config.shots = way.shots;
    config.chat_template = config.protocol == "paper";
    allow_refusal([&] { read_all_questions(config); });
  }
}

}  // namespace lacuna::testing
