// `lacuna verify RUNDIR|STORE`: whether everything is there, once, and as it was written.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "apps/command.h"
#include "results/run_verification.h"

namespace lacuna {

namespace {

struct VerifyArguments {
  std::string subject;
  bool json = false;
  bool skip_comparison = false;
  std::string scratch_folder;
};

void verify(const VerifyArguments& arguments, CommandOutcome& outcome) {
  const Verification verification =
      std::filesystem::is_regular_file(arguments.subject)
          ? verify_store(arguments.subject)
          : verify_run(RunDirectory(arguments.subject), {.compare_store = !arguments.skip_comparison,
                                                         .scratch_folder = arguments.scratch_folder});
  if (arguments.json) {
    fmt::print("{}\n", to_json(verification).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}", render_verification(verification));
  }
  outcome.exit_code = static_cast<int>(verification.exit_code());
}

}  // namespace

void add_verify_command(CLI::App& app, CommandOutcome& outcome) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* const command = app.add_subcommand(
      "verify",
      "Check that a run or store is whole: checksums, attributes, shapes, every question of the plan exactly "
      "once for each mode and threshold, and that the store says what the parts say.\n\nPrints a line for "
      "each problem and a summary. Changes nothing in the run. Exit codes: 0 all well and complete, 3 whole "
      "but incomplete, 1 damage or doubles, 2 no run directory or store.");
  command->add_option("SUBJECT", arguments->subject, "The run's directory, or a store")->required();
  command->add_flag("--json", arguments->json, "One JSON object");
  command->add_flag("--skip-comparison", arguments->skip_comparison,
                    "Do not compare the store's values with the parts (saves time and scratch space)");
  command->add_option("--scratch", arguments->scratch_folder,
                      "Folder for a scratch file as large as the store (default: that for temporary files)");
  command->callback([arguments, &outcome] { verify(*arguments, outcome); });
}

}  // namespace lacuna
