// `lacuna`: the one binary. Parses the command line, runs a subcommand, turns failures into one sentence on
// stderr and an exit code.
#include <cstdio>
#include <exception>
#include <new>

#include "apps/command.h"
#include "core/error.h"

int main(int argc, char** argv) {
  CLI::App app{"Lacuna finds the layers that a language model does not use."};
  app.name("lacuna");
  app.require_subcommand(1);
  lacuna::CommandOutcome outcome;
  for (const auto add_command : lacuna::all_commands()) add_command(app, outcome);
  try {
    app.parse(argc, argv);
    return outcome.exit_code;
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);  // prints help or the message
    return code == 0 ? 0 : static_cast<int>(lacuna::ExitCode::kBadInput);
  } catch (const lacuna::Error& error) {
    std::fprintf(stderr, "lacuna: error: %s\n", error.what());
    return static_cast<int>(error.exit_code());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "lacuna: error: out of memory; use a smaller batch or a machine with more memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lacuna: error: %s\n", error.what());
  }
  return static_cast<int>(lacuna::ExitCode::kFailure);
}
