// The list of subcommands: to add one, write <name>_command.cpp, declare its add function here and list it.
#include "apps/command.h"

namespace lacuna {

void add_chat_command(CLI::App& app, CommandOutcome& outcome);
void add_detokenize_command(CLI::App& app, CommandOutcome& outcome);
void add_grade_command(CLI::App& app, CommandOutcome& outcome);
void add_prompts_command(CLI::App& app, CommandOutcome& outcome);
void add_tokenize_command(CLI::App& app, CommandOutcome& outcome);
#if LACUNA_HAS_ENGINE_AND_STORE
void add_engine_command(CLI::App& app, CommandOutcome& outcome);
void add_plan_command(CLI::App& app, CommandOutcome& outcome);
void add_run_command(CLI::App& app, CommandOutcome& outcome);
void add_trace_command(CLI::App& app, CommandOutcome& outcome);
#endif
#if LACUNA_HAS_STORE
void add_compare_command(CLI::App& app, CommandOutcome& outcome);
void add_merge_command(CLI::App& app, CommandOutcome& outcome);
void add_status_command(CLI::App& app, CommandOutcome& outcome);
void add_table_command(CLI::App& app, CommandOutcome& outcome);
void add_verify_command(CLI::App& app, CommandOutcome& outcome);
#endif

const std::vector<AddCommand>& all_commands() {
  static const std::vector<AddCommand> commands = {
#if LACUNA_HAS_ENGINE_AND_STORE
    add_run_command,
    add_plan_command,
    add_trace_command,
    add_engine_command,
#endif
#if LACUNA_HAS_STORE
    add_status_command,
    add_merge_command,
    add_verify_command,
    add_compare_command,
    add_table_command,
#endif
    add_tokenize_command,
    add_detokenize_command,
    add_chat_command,
    add_prompts_command,
    add_grade_command,
  };
  return commands;
}

}  // namespace lacuna
