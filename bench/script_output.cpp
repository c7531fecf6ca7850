#include "bench/script_output.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>

namespace lacuna {

std::string quote_for_shell(std::string_view text) {
  std::string quoted = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      quoted += "'\\''";  // ends the quotes, adds one, begins again
    } else {
      quoted += letter;
    }
  }
  return quoted + "'";
}

nlohmann::json read_script_output(const std::string& command, const ErrorText& failure) {
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw SystemError(failure);
  std::string output;
  std::array<char, 4096> buffer{};
  for (std::size_t read = 0; (read = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), read);
  }
  const int status = pclose(pipe);
  nlohmann::json printed = nlohmann::json::parse(output, nullptr, /*allow_exceptions=*/false);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || printed.is_discarded()) throw SystemError(failure);
  return printed;
}

}  // namespace lacuna
