#include "apps/passive_threads.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace lacuna {

void restart_with_passive_threads() {
  constexpr const char* kPolicy = "OMP_WAIT_POLICY";
  if (std::getenv(kPolicy) != nullptr) return;
  std::vector<std::string> arguments;
  std::ifstream command_line("/proc/self/cmdline", std::ios::binary);
  for (std::string argument; std::getline(command_line, argument, '\0');) arguments.push_back(argument);
  if (arguments.empty()) return;
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  setenv(kPolicy, "PASSIVE", 0);
  // Yet not at once to sleep: threads meet every fraction of a millisecond, and waking one takes 0.1 ms,
  // together a third of the time of a decode step. So many turns are about as long.
  setenv("GOMP_SPINCOUNT", "5000", 0);
  execv("/proc/self/exe", pointers.data());
  // Still here: it could not be started again. Slower on shared cores, but right.
}

}  // namespace lacuna
