// `lacuna status RUNDIR`: how far a run is.
#include <fmt/format.h>

#include <ctime>
#include <memory>
#include <string>

#include "apps/command.h"
#include "results/run_report.h"

namespace lacuna {

namespace {

struct StatusArguments {
  std::string run_directory;
  bool json = false;
};

void print_status(const StatusArguments& arguments) {
  const RunReport report = report_run(RunDirectory(arguments.run_directory), std::time(nullptr));
  if (arguments.json) {
    fmt::print("{}\n", to_json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}", render_report(report));
  }
}

}  // namespace

void add_status_command(CLI::App& app, CommandOutcome&) {
  auto arguments = std::make_shared<StatusArguments>();
  CLI::App* const command = app.add_subcommand(
      "status",
      "Show how far a run is, from any machine that sees its directory.\n\nCounts the parts on disk, and "
      "shows the coordinator's last sign of life, speed, time left, failed units and damaged files. Disturbs "
      "nothing. Exit codes: 0, or 2 if it is no run directory.");
  command->add_option("RUNDIR", arguments->run_directory, "The run's directory (it holds manifest.json)")
      ->required();
  command->add_flag("--json", arguments->json, "One JSON object");
  command->callback([arguments] { print_status(*arguments); });
}

}  // namespace lacuna
