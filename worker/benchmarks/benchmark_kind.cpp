#include "worker/benchmarks/benchmark_kind.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/error.h"

namespace lacuna {

void fail_config(const BenchmarkConfig& config, const std::string& problem, const std::string& why,
                 const std::string& suggestion) {
  const std::string name = config.name.empty() ? config.kind : config.name;
  throw InputError(
      {.problem = fmt::format("benchmark '{}': {}", name, problem), .why = why, .suggestion = suggestion});
}

void check_common_config(const BenchmarkConfig& config, const BenchmarkKind& kind) {
  if (std::find(kind.protocols.begin(), kind.protocols.end(), config.protocol) == kind.protocols.end()) {
    fail_config(config, fmt::format("unknown protocol '{}'", config.protocol), "",
                fmt::format("use one of {}", fmt::join(kind.protocols, ", ")));
  }
  parse_grading_rule(config.grading);
  if (config.scoring.empty()) {
    fail_config(config, "scoring is empty", "something must be asked of the model",
                "use [generate], [loglik] or both");
  }
  if (config.protocol == "paper" && !config.chat_template) {
    fail_config(config, "chat_template is false", "the paper's prompts are chat messages",
                "set chat_template to true or protocol to harness");
  }
  if (config.limit && *config.limit <= 0) {
    fail_config(config, fmt::format("limit is {}", *config.limit), "a limit must be at least 1",
                "leave it out for all questions");
  }
  if (config.shots < 0) {
    fail_config(config, fmt::format("shots is {}", config.shots), "it must be 0 or more", "");
  }
  if (config.shots > 0 && config.protocol == "paper") {
    fail_config(config, fmt::format("shots is {}", config.shots), "protocol paper is zero-shot",
                "set shots to 0 or protocol to harness");
  }
}

void reject_choice_order(const BenchmarkConfig& config) {
  if (config.choice_order.empty()) return;
  fail_config(config, fmt::format("choice_order '{}' is given", config.choice_order),
              fmt::format("{} shows its choices as the file has them", config.kind),
              "leave choice_order out");
}

void reject_variant(const BenchmarkConfig& config) {
  if (config.variant.empty()) return;
  fail_config(config, fmt::format("variant '{}' is given", config.variant),
              fmt::format("{} has no variants", config.kind), "leave variant out");
}

void reject_shots(const BenchmarkConfig& config, const std::string& why) {
  if (config.shots == 0) return;
  fail_config(config, fmt::format("shots is {}", config.shots), why, "set shots to 0");
}

bool path_is_directory(const BenchmarkConfig& config) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(config.path, error);
  if (!std::filesystem::exists(status)) {
    fail_config(config, fmt::format("no such file or directory: {}", config.path.string()), "",
                "check the benchmark's path");
  }
  return std::filesystem::is_directory(status);
}

std::vector<std::size_t> select_questions(const BenchmarkConfig& config,
                                          const std::vector<Question>& questions) {
  std::set<std::string> present;
  for (const Question& question : questions) present.insert(question.subject);
  for (const std::string& wanted : config.subjects) {
    if (!wanted.empty() && present.contains(wanted)) continue;
    present.erase("");
    fail_config(config, fmt::format("unknown subject '{}'", wanted), "",
                present.empty() ? "leave subjects out: the file names none"
                                : fmt::format("the subjects are {}", fmt::join(present, ", ")));
  }
  const std::set<std::string> wanted(config.subjects.begin(), config.subjects.end());
  std::vector<std::size_t> selected;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (config.limit && static_cast<std::int64_t>(selected.size()) >= *config.limit) break;
    if (wanted.empty() || wanted.contains(questions[i].subject)) selected.push_back(i);
  }
  if (selected.empty()) {
    fail_config(config, fmt::format("{} holds no questions", config.path.string()), "",
                "check the benchmark's path");
  }
  return selected;
}

}  // namespace lacuna
