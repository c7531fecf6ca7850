// `lacuna`: the one binary. Parses the command line, runs a subcommand, turns failures into one sentence on
// stderr and an exit code.
#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "apps/command.h"
#include "apps/report_error.h"
#include "core/error.h"
#include "orchestrator/launch_environment.h"

namespace {

// The wrong command line in the form of all our errors. CLI11 stops at the first rule that is broken, which
// for an unknown command is that there has to be one.
lacuna::InputError explain(const CLI::ParseError& error, const CLI::App& app) {
  const std::vector<CLI::App*> commands = app.get_subcommands();
  const std::vector<std::string> unread = app.remaining();
  if (commands.empty() && unread.empty()) {
    return lacuna::InputError({.problem = "no command is given", .suggestion = "see lacuna --help"});
  }
  if (commands.empty()) {
    return lacuna::InputError({.problem = "there is no command or option '" + unread.front() + "'",
                               .suggestion = "see lacuna --help"});
  }
  std::string problem = error.what();
  std::replace(problem.begin(), problem.end(), '\n', ' ');
  while (problem.ends_with(' ') || problem.ends_with('.')) problem.pop_back();
  return lacuna::InputError(
      {.problem = problem, .suggestion = "see lacuna " + commands.front()->get_name() + " --help"});
}

}  // namespace

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
    if (error.get_exit_code() == 0) return speaks ? app.exit(error) : 0;  // help
    if (!speaks) return static_cast<int>(lacuna::ExitCode::kBadInput);
    return static_cast<int>(lacuna::report_error(std::make_exception_ptr(explain(error, app))));
  } catch (const lacuna::InputError&) {
    if (!speaks) return static_cast<int>(lacuna::ExitCode::kBadInput);
    return static_cast<int>(lacuna::report_error(std::current_exception()));
  } catch (...) {
    return static_cast<int>(lacuna::report_error(std::current_exception()));
  }
}
