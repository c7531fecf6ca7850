// The subcommands of `lacuna`: each lives in its own file <name>_command.cpp and adds itself to the command
// line.
//
// A subcommand sets a CLI11 callback; failures are thrown as Error and reported by main with their exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <vector>

namespace lacuna {

// The callback stores its exit code here when the command ran to its end but not all went well.
struct CommandOutcome {
  int exit_code = 0;
};

using AddCommand = void (*)(CLI::App& app, CommandOutcome& outcome);

// All subcommands of this build, in the order of `lacuna --help` (commands.cpp: one line each).
const std::vector<AddCommand>& all_commands();

}  // namespace lacuna
