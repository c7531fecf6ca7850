// `lacuna plan`: what a sweep will take, without starting it.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <utility>

#include "apps/command.h"
#include "apps/inference.h"
#include "apps/sweep/sweep_estimate.h"
#include "worker/engine/engine.h"

namespace lacuna {
namespace {

void print_plan(const SweepRequest& request, bool list_units) {
  const PreparedSweep sweep = prepare_sweep(request, make_inference_parts());
  std::map<std::pair<ModelIndex, BenchmarkIndex>, std::unique_ptr<PromptCounter>> counters;
  const SweepEstimate estimate =
      estimate_sweep(sweep, [&](ModelIndex model, BenchmarkIndex benchmark, QuestionIndex question) {
        auto& counter = counters[{model, benchmark}];
        if (!counter) counter = make_prompt_counter(sweep.config, model, benchmark);
        return counter->count_prompt_tokens(question);
      });
  fmt::print("{}", render_estimate(sweep, estimate));
  if (!list_units) return;
  for (const WorkUnit& unit : sweep.plan) fmt::print("{}\t{} questions\n", unit.id, unit.question_count);
}

}  // namespace

void add_plan_command(CLI::App& app, CommandOutcome& /*outcome*/) {
  struct Options {
    SweepRequest request;
    bool list_units = false;
  };
  CLI::App* const command = app.add_subcommand("plan",
                                               "Check an experiment and show what it will take: units, "
                                               "questions, tokens, memory, disk. Starts nothing.");
  const auto options = std::make_shared<Options>();
  command->add_option("experiment", options->request.experiment_file, "YAML file of the experiment")
      ->required();
  command->add_option("overrides", options->request.overrides, "key=value arguments, as for `lacuna run`");
  command->add_flag("--units", options->list_units, "Also list every unit");
  command->callback([options] { print_plan(options->request, options->list_units); });
}

}  // namespace lacuna
