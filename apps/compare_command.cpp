// `lacuna compare A B`: whether two stores say the same.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/command.h"
#include "core/error.h"
#include "results/merge.h"

namespace lacuna {

namespace {

struct CompareArguments {
  std::string first;
  std::string second;
  std::size_t limit = 10;
};

void compare(const CompareArguments& arguments, CommandOutcome& outcome) {
  const std::vector<std::string> differences =
      find_store_differences(arguments.first, arguments.second, arguments.limit);
  for (const std::string& difference : differences) fmt::print("{}\n", difference);
  if (differences.empty()) {
    fmt::print("equal\n");
    return;
  }
  outcome.exit_code = static_cast<int>(ExitCode::kFailure);
}

}  // namespace

void add_compare_command(CLI::App& app, CommandOutcome& outcome) {
  auto arguments = std::make_shared<CompareArguments>();
  CLI::App* const command = app.add_subcommand(
      "compare",
      "Compare all that two stores say, bit by bit, but for timings and what they ran on.\n\nPrints 'equal', "
      "or "
      "the first difference of each dataset that differs. Exit codes: 0 equal, 1 different, 2 no store.");
  command->add_option("STORE_A", arguments->first, "A store")->required();
  command->add_option("STORE_B", arguments->second, "Another one")->required();
  command->add_option("--limit", arguments->limit, "The most differences to print")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->callback([arguments, &outcome] { compare(*arguments, outcome); });
}

}  // namespace lacuna
