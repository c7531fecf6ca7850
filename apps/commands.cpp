// The list of subcommands: to add one, write <name>_command.cpp, declare its add function here and list it.
#include "apps/command.h"

namespace lacuna {

// void add_tokenize_command(CLI::App& app, CommandOutcome& outcome);

const std::vector<AddCommand>& all_commands() {
  static const std::vector<AddCommand> commands = {
      // add_tokenize_command,
  };
  return commands;
}

}  // namespace lacuna
