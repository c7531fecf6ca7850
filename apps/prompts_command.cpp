// lacuna prompts: what a model is shown for every question of a benchmark, as JSON lines.
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/command.h"
#include "core/error.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna {
namespace {

using Json = nlohmann::ordered_json;

struct PromptsOptions {
  BenchmarkConfig config;
  std::int64_t limit = 0;
  std::uint64_t seed = 0;
};

// "(C)" for GPQA, whose harness task writes its key like that, the position for the others.
Json write_harness_gold(const BenchmarkConfig& config, const Question& question,
                        const std::vector<Continuation>& continuations) {
  if (config.kind == "gpqa") return "(" + question.gold + ")";
  for (std::size_t i = 0; i < continuations.size(); ++i) {
    if (continuations[i].choice == question.gold) return i;
  }
  return nullptr;
}

Json write_line(const BenchmarkConfig& config, const Benchmark& benchmark, QuestionIndex index) {
  const Question& question = benchmark.question(index);
  const bool harness = config.protocol == "harness";
  Json line;
  line["id"] = question.id.value();
  line["prompt"] = harness ? benchmark.harness_context(index) : benchmark.user_message(index);
  line["answer"] = question.gold;
  if (benchmark.answer_kind() == AnswerKind::kBoolean) line["answer"] = question.gold == "true";
  if (!question.choices.empty()) line["choices"] = question.choices;
  if (!harness) return line;
  const std::vector<Continuation> continuations = benchmark.harness_continuations(index);
  for (const Continuation& continuation : continuations) line["continuations"].push_back(continuation.text);
  line["gold"] = write_harness_gold(config, question, continuations);
  return line;
}

void print_prompts(PromptsOptions options, bool has_limit) {
  BenchmarkConfig& config = options.config;
  if (has_limit) config.limit = options.limit;
  // Here the protocol is shown as it was published; experiments default to "fixed".
  if (config.kind == "gpqa" && config.protocol == "paper" && config.choice_order.empty()) {
    config.choice_order = "author";
  }
  const std::unique_ptr<Benchmark> benchmark = load_benchmark(config, options.seed);
  for (const std::string& warning : benchmark->warnings()) {
    std::fprintf(stderr, "lacuna: warning: %s\n", warning.c_str());
  }
  for (std::int64_t i = 0; i < benchmark->size(); ++i) {
    std::cout << write_line(config, *benchmark, QuestionIndex(i)).dump() << '\n';
  }
  std::cout.flush();
  if (!std::cout) throw SystemError({.problem = "cannot write to stdout"});
}

}  // namespace

void add_prompts_command(CLI::App& app, CommandOutcome& /*outcome*/) {
  const auto options = std::make_shared<PromptsOptions>();
  BenchmarkConfig& config = options->config;
  CLI::App* const command = app.add_subcommand(
      "prompts",
      "Print what a model is shown for every question of a benchmark: JSON lines with id, prompt, answer and "
      "choices; protocol harness adds continuations and gold.");
  command->add_option("--benchmark", config.kind, "Which benchmark: boolq, gpqa or mmlu")->required();
  command
      ->add_option("--protocol", config.protocol,
                   "paper: the user message of the paper's released code; harness: the context of "
                   "lm-evaluation-harness")
      ->required();
  command
      ->add_option("--data", config.path,
                   "The benchmark's file or directory (MMLU: the directory that holds test/ and dev/)")
      ->required();
  command->add_option("--split", config.split, "Which split of a directory")->capture_default_str();
  command
      ->add_option("--subjects", config.subjects,
                   "Only these subjects, separated by commas (MMLU: also the groups stem, humanities, "
                   "social_sciences, other)")
      ->delimiter(',');
  CLI::Option* const limit =
      command->add_option("--limit", options->limit, "Only the first so many questions");
  command->add_option("--shots", config.shots, "Number of examples in front of the question (harness)")
      ->capture_default_str();
  command->add_option(
      "--choice-order", config.choice_order,
      "GPQA: fixed (by --seed and question id; the default of experiments), author (right answer "
      "last; the default here for protocol paper) or harness (the default for protocol harness)");
  command->add_option("--seed", options->seed, "Seed of the choice order fixed")->capture_default_str();
  command->add_option("--variant", config.variant,
                      "GPQA, protocol harness: zeroshot (default), cot_zeroshot or n_shot");
  command->callback([options, limit] { print_prompts(*options, limit->count() > 0); });
}

}  // namespace lacuna
