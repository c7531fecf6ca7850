// `lacuna merge RUNDIR`: the parts of a run into one store file.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "apps/command.h"
#include "core/error.h"
#include "results/merge.h"
#include "results/store_reader.h"

namespace lacuna {

namespace {

struct MergeArguments {
  std::string run_directory;
  bool allow_incomplete = false;
  std::string output;
};

void merge(const MergeArguments& arguments, CommandOutcome& outcome) {
  const std::filesystem::path store =
      merge_run(RunDirectory(arguments.run_directory),
                {.allow_incomplete = arguments.allow_incomplete, .output = arguments.output});
  const StoreReader reader(store);
  if (!reader.is_complete()) {
    fmt::print(stderr, "lacuna: {} of {} units are missing from the store\n", reader.missing_units().size(),
               reader.manifest().units.size());
    outcome.exit_code = static_cast<int>(ExitCode::kIncomplete);
  }
  fmt::print("{}\n", store.string());
}

}  // namespace

void add_merge_command(CLI::App& app, CommandOutcome& outcome) {
  auto arguments = std::make_shared<MergeArguments>();
  CLI::App* const command = app.add_subcommand("merge",
                                               "Merge the parts of a run into one HDF5 store.\n\nChecks "
                                               "every part first and refuses missing, damaged or "
                                               "foreign ones. Prints the store's path.");
  command->add_option("RUNDIR", arguments->run_directory, "The run's directory (it holds manifest.json)")
      ->required();
  command->add_flag(
      "--allow-incomplete", arguments->allow_incomplete,
      "Merge what is there although units are missing; the store is marked as incomplete and the "
      "exit code is 3");
  command->add_option("--out", arguments->output, "Where the store goes (default: RUNDIR/store.h5)");
  command->callback([arguments, &outcome] { merge(*arguments, outcome); });
}

}  // namespace lacuna
