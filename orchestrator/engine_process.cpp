#include "orchestrator/engine_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string_view>

#include "core/error.h"
#include "orchestrator/socket_channel.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the user

namespace lacuna {
namespace {

// By these a process takes itself for an MPI rank, or talks to the rank's daemon.
constexpr std::array<std::string_view, 5> kRankVariables = {"OMPI_", "PMIX_", "PMI_", "ORTE_", "PRTE_"};

std::vector<char*> engine_environment() {
  std::vector<char*> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    bool is_rank_variable = false;
    for (const std::string_view prefix : kRankVariables) is_rank_variable |= text.starts_with(prefix);
    if (!is_rank_variable) kept.push_back(*variable);
  }
  kept.push_back(nullptr);
  return kept;
}

class EngineProcess : public Engine {
 public:
  EngineProcess(pid_t process, FileDescriptor socket) : process_(process), socket_(std::move(socket)) {}

  ~EngineProcess() override {
    if (end_) return;
    kill();
    int status = 0;
    while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
  }

  void send(const CoordinatorMessage& message) override { socket_.send(encode(message)); }

  std::optional<WorkerMessage> receive(std::chrono::milliseconds timeout) override {
    const auto text = socket_.receive(timeout);
    if (!text) return std::nullopt;
    return decode_worker_message(*text);
  }

  std::optional<std::string> find_end() override {
    // Its end of the socket closes with it, after its last word.
    if (end_ || socket_.state() == MessageSocket::State::kOpen) return end_;
    int status = 0;
    const pid_t waited = waitpid(process_, &status, WNOHANG);
    if (waited == process_) {
      end_ = describe_wait_status(status);
    } else if (waited < 0 && errno != EINTR) {
      end_ = "vanished";
    }
    return end_;
  }

  void kill() override {
    if (!end_) ::kill(process_, SIGKILL);
  }

  [[nodiscard]] std::int64_t process_id() const override { return process_; }

 private:
  pid_t process_;
  MessageSocket socket_;
  std::optional<std::string> end_;
};

class ProcessLauncher : public EngineLauncher {
 public:
  explicit ProcessLauncher(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}

  std::unique_ptr<Engine> launch() override {
    auto [own, engines] = make_socket_pair();
    // Duplicated onto its own number by the child, which clears close-on-exec there.
    constexpr int kEngineDescriptor = 3;
    std::vector<std::string> words = {"lacuna"};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    words.push_back(std::to_string(kEngineDescriptor));
    words.push_back(std::to_string(getpid()));
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, engines.value(), kEngineDescriptor);
    // MPI's sockets are none of its business, and it must not keep them open.
    posix_spawn_file_actions_addclosefrom_np(&actions, kEngineDescriptor + 1);
    pid_t process = -1;
    const int failure =
        posix_spawn(&process, "/proc/self/exe", &actions, nullptr, argv.data(), engine_environment().data());
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) {
      throw SystemError({.problem = "an engine process cannot be started", .why = std::strerror(failure)});
    }
    return std::make_unique<EngineProcess>(process, std::move(own));
  }

 private:
  std::vector<std::string> arguments_;
};

}  // namespace

std::string describe_wait_status(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

std::unique_ptr<EngineLauncher> make_process_launcher(std::vector<std::string> arguments) {
  return std::make_unique<ProcessLauncher>(std::move(arguments));
}

int parse_engine_number(const std::string& text) {
  int value = -1;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value < 0) {
    throw InputError({.problem = fmt::format("'{}' is no argument of an engine", text),
                      .why = "lacuna starts its engines itself"});
  }
  return value;
}

std::unique_ptr<WorkerChannel> become_engine(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) {
    throw InputError({.problem = "an engine without a parent", .why = "lacuna starts its engines itself"});
  }
  const int descriptor = parse_engine_number(arguments[arguments.size() - 2]);
  const int parent = parse_engine_number(arguments.back());
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it died before this process could ask to die with it
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) std::signal(number, SIG_IGN);
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return std::make_unique<SocketWorkerChannel>(FileDescriptor(descriptor));
}

}  // namespace lacuna
