#include "worker/benchmarks/benchmark.h"

#include <fmt/format.h>

#include <stdexcept>

namespace lacuna {

std::size_t Benchmark::position_of(QuestionIndex index) const {
  if (index.value() < 0 || index.value() >= size()) {
    throw std::out_of_range(fmt::format("question {} of {}", index.value(), size()));
  }
  return static_cast<std::size_t>(index.value());
}

AuthorTexts Benchmark::author_texts(QuestionIndex index) const {
  const Question& asked = question(index);
  return {.question = asked.text, .subject = {}, .prompt = user_message(index), .true_answer = asked.gold};
}

Grade Benchmark::grade(QuestionIndex index, std::string_view response) const {
  const Question& asked = question(index);
  Grade grade{extract_choice(answer_kind_, grading_rule_, response, asked.choices), false};
  grade.correct = grade.choice == asked.gold;
  return grade;
}

std::vector<Continuation> list_continuations(const Benchmark& benchmark, QuestionIndex index,
                                             const BenchmarkConfig& config) {
  if (config.protocol != "harness") return benchmark.paper_continuations(index);
  std::vector<Continuation> continuations = benchmark.harness_continuations(index);
  if (!config.chat_template) return continuations;
  for (Continuation& continuation : continuations) {
    if (continuation.text.starts_with(' ')) continuation.text.erase(0, 1);
  }
  return continuations;
}

}  // namespace lacuna
