// `lacuna run`: a whole sweep, alone or under mpirun or srun.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>

#include "apps/command.h"
#include "apps/inference.h"
#include "apps/passive_threads.h"
#include "apps/sweep/restart_loop.h"
#include "apps/sweep/sweep_session.h"
#include "apps/sweep/worker_role.h"
#include "core/error.h"
#include "core/experiment_yaml.h"
#include "orchestrator/launch_environment.h"
#include "orchestrator/stop_signals.h"
#include "results/run_directory.h"

namespace lacuna {
namespace {

constexpr const char* kDescription =
    "Run the experiment of a YAML file: every model on every benchmark with every threshold.\n\n"
    "Under mpirun or srun --mpi=pmix rank 0 hands out the work and the other ranks compute, one for each GPU "
    "or "
    "with a share of the node's cores; alone, one process does both. The same command again, with any number "
    "of "
    "ranks, resumes what was interrupted. At the end the parts are merged into RUNDIR/store.h5 and the "
    "results "
    "table is printed.\n\n"
    "SIGTERM, SIGINT or SIGUSR1 to any rank: nothing more is handed out, what is in flight is finished "
    "within "
    "compute.grace_seconds. (mpirun passes SIGUSR1 on; after SIGTERM or Ctrl-C it kills the ranks in a "
    "second.)\n\n"
    "Exit codes: 0 done, 1 the run failed, 2 bad input, 3 some units failed and the rest is in the store, "
    "4 stopped by a signal, the same command resumes.";

struct RunArguments {
  SweepRequest request;
  std::string engine = "auto";
  int restarts = 0;
  std::string launcher;
  double watchdog_seconds = 0;
};

std::vector<std::string> split_words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// The job that --restarts starts: this program again, behind the launcher, without the options of the loop.
std::vector<std::string> make_job(const RunArguments& arguments) {
  std::vector<std::string> command = split_words(arguments.launcher);
  const bool is_alone = command.empty();
  command.push_back(std::filesystem::read_symlink("/proc/self/exe").string());
  command.insert(command.end(), {"run", arguments.request.experiment_file.string()});
  command.insert(command.end(), arguments.request.overrides.begin(), arguments.request.overrides.end());
  // A crash of the one process would be one of the whole job.
  const bool needs_process = is_alone && arguments.engine == "auto";
  command.push_back(fmt::format("--engine={}", needs_process ? "process" : arguments.engine));
  return command;
}

int run_job_with_restarts(const RunArguments& arguments) {
  if (is_launched_under_mpi()) {
    throw InputError(
        {.problem = "--restarts is given under mpirun or srun",
         .why = "every rank would start jobs of its own",
         .suggestion = "put it in front: lacuna run --restarts 5 --launcher \"mpirun -n 9\" ..."});
  }
  const ExperimentConfig config =
      read_experiment(arguments.request.experiment_file, arguments.request.overrides);
  const RunDirectory directory(config.output);
  // Before the job does it, so that the watchdog sees signs of life from the start.
  std::error_code ignored;
  std::filesystem::create_directories(directory.root(), ignored);
  catch_stop_signals();
  RestartOptions options;
  options.command = make_job(arguments);
  options.restarts = arguments.restarts;
  options.watchdog = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * arguments.watchdog_seconds));
  // The status file is renamed into the run directory every few seconds.
  options.watched = {directory.parts_folder(), directory.root()};
  options.announce = [](std::string_view line) { fmt::print(stderr, "lacuna: {}\n", line); };
  options.take_stop_signal = take_stop_signal;
  return run_with_restarts(options);
}

}  // namespace

void add_run_command(CLI::App& app, CommandOutcome& outcome) {
  CLI::App* const command = app.add_subcommand("run", kDescription);
  const auto arguments = std::make_shared<RunArguments>();
  command
      ->add_option("experiment", arguments->request.experiment_file,
                   "YAML file, for example configs/experiments/demo.yaml")
      ->required();
  command->add_option("overrides", arguments->request.overrides,
                      "key=value arguments that replace values of the file, for example lac.alphas=[0.2,0.4] "
                      "compute.dtype=float32 output=/tmp/run models.0.path=/data/llama");
  command
      ->add_option(
          "--engine", arguments->engine,
          "Where a worker computes: process (a child process, so that a crash costs one unit another "
          "try), inside (its own process, for debugging), auto (process under mpirun, else inside)")
      ->check(CLI::IsMember({"auto", "process", "inside"}));
  CLI::Option* const restarts =
      command
          ->add_option(
              "--restarts", arguments->restarts,
              "Start the job again, so many times at most, if it ends by a crash, a lost node or a failure")
          ->check(CLI::Range(0, 1'000'000));
  command
      ->add_option(
          "--launcher", arguments->launcher,
          "With --restarts: what starts the job, words parted by spaces, for example \"mpirun -n 9\"")
      ->needs(restarts);
  command
      ->add_option("--watchdog", arguments->watchdog_seconds,
                   "With --restarts: kill and restart a job that gives no sign of life for so many seconds")
      ->check(CLI::Range(10.0, 86400.0))
      ->needs(restarts);
  command->callback([arguments, restarts, &outcome] {
    if (restarts->count() > 0) {
      outcome.exit_code = run_job_with_restarts(*arguments);
      return;
    }
    arguments->request.engine = parse_engine_placement(arguments->engine);
    restart_with_passive_threads();
    outcome.exit_code = static_cast<int>(run_sweep(arguments->request, make_inference_parts()));
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
