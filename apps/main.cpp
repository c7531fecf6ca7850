// `lacuna`: the one binary. Parses the command line, runs a subcommand, turns failures into one sentence on
// stderr and an exit code.
#include <exception>

#include "apps/command.h"
#include "apps/report_error.h"
#include "core/error.h"
#include "orchestrator/launch_environment.h"

int main(int argc, char** argv) {
  CLI::App app{"Lacuna finds the layers that a language model does not use."};
  app.name("lacuna");
  app.require_subcommand(1);
  lacuna::CommandOutcome outcome;
  for (const auto add_command : lacuna::all_commands()) add_command(app, outcome);
  // Every rank sees the same wrong command line: one of them says so.
  const bool speaks = lacuna::rank_from_environment() == 0;
  try {
    app.parse(argc, argv);
    return outcome.exit_code;
  } catch (const CLI::ParseError& error) {
    const bool is_help = error.get_exit_code() == 0;
    if (speaks) app.exit(error);  // prints help or the message
    return is_help ? 0 : static_cast<int>(lacuna::ExitCode::kBadInput);
  } catch (const lacuna::InputError&) {
    if (!speaks) return static_cast<int>(lacuna::ExitCode::kBadInput);
    return static_cast<int>(lacuna::report_error(std::current_exception()));
  } catch (...) {
    return static_cast<int>(lacuna::report_error(std::current_exception()));
  }
}
