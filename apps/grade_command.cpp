// lacuna grade: the choice in each response of a JSON-lines stream.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/command.h"
#include "core/error.h"
#include "worker/benchmarks/grading/grader.h"
#include "worker/benchmarks/json_lines.h"

namespace lacuna {
namespace {

AnswerKind read_task(const JsonRow& row) {
  const std::string task = row.get_string("task");
  if (task == "mcq") return AnswerKind::kMultipleChoice;
  if (task == "boolq") return AnswerKind::kBoolean;
  row.fail("task", "unknown task", "use one of mcq, boolq");
}

std::vector<std::string> read_choices(const JsonRow& row) {
  constexpr std::size_t kMostChoices = 26;  // A to Z
  if (!row.has("choices")) return {};
  std::vector<std::string> choices = row.get_strings("choices");
  if (choices.size() > kMostChoices) row.fail("choices", "more than 26 choices");
  return choices;
}

nlohmann::json write_choice(AnswerKind kind, const std::string& choice) {
  if (choice.empty()) return nullptr;
  if (kind == AnswerKind::kBoolean) return choice == "true";
  return choice;
}

void grade_lines(GradingRule rule) {
  std::int64_t line = 0;
  std::int64_t row = 0;
  for (std::string text; std::getline(std::cin, text);) {
    ++line;
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const JsonRow json = parse_json_row(text, "stdin", line, row++);
    const AnswerKind kind = read_task(json);
    const std::string choice = extract_choice(kind, rule, json.get_string("response"), read_choices(json));
    std::cout << nlohmann::json{{"choice", write_choice(kind, choice)}}.dump() << '\n';
  }
  std::cout.flush();
  if (!std::cout) throw SystemError({.problem = "cannot write to stdout"});
}

}  // namespace

void add_grade_command(CLI::App& app, CommandOutcome& /*outcome*/) {
  const auto rule = std::make_shared<std::string>("strict");
  CLI::App* const command = app.add_subcommand(
      "grade",
      "Find the choice in model responses. Reads JSON lines {\"task\": \"mcq\" or \"boolq\", \"response\", "
      "optionally \"choices\"} from stdin and prints {\"choice\": a letter, true, false or null} for each.");
  command
      ->add_option(
          "--rule", *rule,
          "strict: only an answer in the form asked for, at the start; lenient: also phrases, boxes, "
          "brackets and the text of a choice")
      ->capture_default_str();
  command->callback([rule] { grade_lines(parse_grading_rule(*rule)); });
}

}  // namespace lacuna
