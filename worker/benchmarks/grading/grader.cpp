#include "worker/benchmarks/grading/grader.h"

#include <fmt/format.h>

#include "core/error.h"
#include "worker/benchmarks/grading/boolean.h"
#include "worker/benchmarks/grading/multiple_choice_lenient.h"
#include "worker/benchmarks/grading/multiple_choice_strict.h"
#include "worker/benchmarks/grading/response_text.h"

namespace lacuna {

std::string_view to_string(GradingRule rule) {
  return rule == GradingRule::kStrict ? "strict" : "lenient";
}

GradingRule parse_grading_rule(std::string_view name) {
  for (const GradingRule rule : {GradingRule::kStrict, GradingRule::kLenient}) {
    if (name == to_string(rule)) return rule;
  }
  throw InputError({.problem = fmt::format("unknown grading rule '{}'", name),
                    .suggestion = "use one of strict, lenient"});
}

std::string extract_choice(AnswerKind kind, GradingRule rule, std::string_view response,
                           const std::vector<std::string>& choices) {
  const std::string_view text = grading::cut_response(response);
  const bool strict = rule == GradingRule::kStrict;
  if (kind == AnswerKind::kBoolean) {
    return strict ? grading::find_strict_boolean(text) : grading::find_lenient_boolean(text);
  }
  return strict ? grading::find_strict_choice(text) : grading::find_lenient_choice(text, choices);
}

}  // namespace lacuna
