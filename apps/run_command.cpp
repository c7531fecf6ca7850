// `lacuna run`: a whole sweep, alone or under mpirun or srun.
#include <memory>

#include "apps/command.h"
#include "apps/inference.h"
#include "apps/passive_threads.h"
#include "apps/sweep/sweep_session.h"
#include "apps/sweep/worker_role.h"

namespace lacuna {

void add_run_command(CLI::App& app, CommandOutcome& outcome) {
  CLI::App* const command = app.add_subcommand(
      "run",
      "Run the experiment of a YAML file: every model on every benchmark with every threshold.\n\n"
      "Under mpirun or srun --mpi=pmix rank 0 hands out the work and the other ranks compute, one for each "
      "GPU or "
      "with a share of the node's cores; alone, one process does both. The same command again, with any "
      "number of "
      "ranks, resumes what was interrupted. At the end the parts are merged into RUNDIR/store.h5 and the "
      "results "
      "table is printed.\n\n"
      "Exit codes: 0 done, 1 the run failed, 2 bad input, 3 some units failed and the rest is in the store.");
  const auto request = std::make_shared<SweepRequest>();
  command
      ->add_option("experiment", request->experiment_file,
                   "YAML file, for example configs/experiments/demo.yaml")
      ->required();
  command->add_option("overrides", request->overrides,
                      "key=value arguments that replace values of the file, for example lac.alphas=[0.2,0.4] "
                      "compute.dtype=float32 output=/tmp/run models.0.path=/data/llama");
  const auto engine = std::make_shared<std::string>("auto");
  command
      ->add_option(
          "--engine", *engine,
          "Where a worker computes: process (a child process, so that a crash costs one unit another "
          "try), inside (its own process, for debugging), auto (process under mpirun, else inside)")
      ->check(CLI::IsMember({"auto", "process", "inside"}));
  command->callback([request, engine, &outcome] {
    request->engine = parse_engine_placement(*engine);
    restart_with_passive_threads();
    outcome.exit_code = static_cast<int>(run_sweep(*request, make_inference_parts()));
  });
}

void add_engine_command(CLI::App& app, CommandOutcome& outcome) {
  CLI::App* const command = app.add_subcommand(kEngineCommand, "Internal: a process that a worker starts");
  command->group("");  // not in --help
  const auto arguments = std::make_shared<std::vector<std::string>>();
  command->add_option("arguments", *arguments);
  command->callback([arguments, &outcome] {
    outcome.exit_code = static_cast<int>(serve_as_engine(*arguments, make_inference_parts()));
  });
}

}  // namespace lacuna
