// Programs as a user starts them: through the shell, alone or under mpirun.
#pragma once

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace lacuna::testing {

struct Finished {
  int exit_code = -1;
  std::string out;
  std::string err;
};

inline std::string read_text(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

inline std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

// The command that starts a program with that many ranks; 0: without mpirun.
inline std::string launcher(int ranks) {
  const std::string limit = "timeout 250";
  return ranks == 0 ? limit : fmt::format("{} {} -n {}", limit, MPIRUN_COMMAND, ranks);
}

// Runs a shell command to its end; stdout and stderr pass through files in `scratch`. `command` may begin
// with NAME=VALUE settings.
inline Finished run_program(const std::string& command, const std::filesystem::path& scratch) {
  const std::filesystem::path out = scratch / "stdout.txt";
  const std::filesystem::path err = scratch / "stderr.txt";
  const int status = std::system(fmt::format("{} >{} 2>{}", command, out.string(), err.string()).c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .out = read_text(out),
          .err = read_text(err)};
}

}  // namespace lacuna::testing
