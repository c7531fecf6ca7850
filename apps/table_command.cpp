// `lacuna table RUNDIR|STORE`: the results table of a run.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include "analysis/results_table.h"
#include "apps/command.h"
#include "core/error.h"
#include "results/durable_file.h"
#include "results/merge.h"

namespace lacuna {

namespace {

struct TableArguments {
  std::string source;
  std::string format = "md";
  std::string output;
};

// A directory's store; merged first if it is not there, or if parts were made after it.
std::filesystem::path find_store(const std::filesystem::path& source) {
  std::error_code status;
  if (!std::filesystem::is_directory(source, status)) return source;
  const RunDirectory run(source);
  if (is_store_current(run)) return run.store_file();
  fmt::print(stderr, "lacuna: merging the parts of '{}'\n", source.string());
  return merge_run(run);
}

void print_table(const TableArguments& arguments) {
  const TableFormat format = parse_table_format(arguments.format);
  if (!arguments.output.empty()) check_place_of(arguments.output);
  const std::string text = render_table(find_store(arguments.source), format);
  if (arguments.output.empty()) {
    fmt::print("{}", text);
  } else {
    write_file_durably(arguments.output,
                       {std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())});
  }
}

}  // namespace

void add_table_command(CLI::App& app, CommandOutcome&) {
  auto arguments = std::make_shared<TableArguments>();
  CLI::App* const command = app.add_subcommand("table",
                                               "Print the results table: accuracy and layers used, a row a "
                                               "model x benchmark x scoring x mode x threshold.\n\nA run "
                                               "that is complete and not merged yet is merged first.");
  command->add_option("SOURCE", arguments->source, "A run's directory, or a store file")->required();
  command->add_option("--format", arguments->format, "md, csv (fractions, all digits) or latex (booktabs)")
      ->capture_default_str();
  command->add_option("--out", arguments->output, "File to write instead of standard output");
  command->callback([arguments] { print_table(*arguments); });
}

}  // namespace lacuna
