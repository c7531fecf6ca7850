// A child process that computes: started, watched, killed. The parent talks to it over a socket.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/messages.h"

namespace lacuna {

// An engine as its supervisor sees it.
class Engine {
 public:
  virtual ~Engine() = default;
  // Lost if the engine is dead.
  virtual void send(const CoordinatorMessage& message) = 0;
  // Nothing if none came in that time, or if the engine is dead and everything it said was received.
  virtual std::optional<WorkerMessage> receive(std::chrono::milliseconds timeout) = 0;
  // How it ended ("was killed by signal 9 (Killed)"), once it has and everything it said was received.
  virtual std::optional<std::string> find_end() = 0;
  // Ends it at once. find_end() then says so.
  virtual void kill() = 0;
  // For messages and logs.
  [[nodiscard]] virtual std::int64_t process_id() const = 0;
};

class EngineLauncher {
 public:
  virtual ~EngineLauncher() = default;
  // Throws SystemError if no process can be started.
  virtual std::unique_ptr<Engine> launch() = 0;
};

// Starts this program again, as `<program> <arguments...> <socket> <parent>`: the numbers of the descriptor
// that is the engine's end of the socket and of the parent process, for become_engine. The variables by which
// MPI and SLURM's PMI know a rank are left out of its environment. The child dies with the thread that starts
// it.
std::unique_ptr<EngineLauncher> make_process_launcher(std::vector<std::string> arguments);

// What a process that was started as an engine does first: it dies when its parent does, leaves the signals
// that ask a job to stop to its parent, and returns the channel to it. Throws InputError if the last two of
// `arguments` are not those that the launcher adds.
std::unique_ptr<class WorkerChannel> become_engine(const std::vector<std::string>& arguments);

// One of an engine's arguments, all of which are counts or ids from 0. Throws InputError if it is no such
// number.
int parse_engine_number(const std::string& text);

// "ended with exit code 1", "was killed by signal 11 (Segmentation fault)".
std::string describe_wait_status(int status);

}  // namespace lacuna
