#include "apps/sweep/restart_loop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include "orchestrator/engine_process.h"

namespace lacuna {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{50};
constexpr std::chrono::milliseconds kLongestPause{60000};
// A job that ran for so long was not stillborn.
constexpr std::chrono::minutes kLongRun{10};
// Between SIGTERM and SIGKILL.
constexpr std::chrono::milliseconds kLastWords{5000};
constexpr int kCannotStart = 127;

// A job as a group of processes.
class Job {
 public:
  explicit Job(const std::vector<std::string>& command) {
    std::vector<std::string> words = command;
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ < 0) {
      throw SystemError(
          {.problem = fmt::format("'{}' cannot be started", command.front()), .why = std::strerror(errno)});
    }
    if (process_ == 0) become(argv.data(), parent);
    setpgid(process_, process_);  // both sides do it: whoever comes first
  }

  // How it ended, if it has.
  std::optional<int> find_status() {
    int status = 0;
    const pid_t waited = waitpid(process_, &status, WNOHANG);
    if (waited == process_) return status;
    // Somebody else took its end: nothing is known of it but that it ended.
    if (waited < 0 && errno == ECHILD) return W_EXITCODE(static_cast<int>(ExitCode::kFailure), 0);
    return std::nullopt;
  }

  void signal(int number) const { ::kill(process_, number); }

  int end() {
    ::kill(-process_, SIGTERM);
    const Clock::time_point deadline = Clock::now() + kLastWords;
    while (Clock::now() < deadline) {
      if (const auto status = find_status()) return kill_rest(*status);
      std::this_thread::sleep_for(kLook);
    }
    ::kill(-process_, SIGKILL);
    int status = 0;
    while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

 private:
  [[nodiscard]] int kill_rest(int status) const {
    ::kill(-process_, SIGKILL);
    return status;
  }

  [[noreturn]] static void become(char** argv, pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(kCannotStart);
    for (const int number : {SIGINT, SIGTERM, SIGUSR1}) std::signal(number, SIG_DFL);
    // A background group that reads from the terminal would be stopped.
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0) dup2(nothing, STDIN_FILENO);
    execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "lacuna: error: '%s' cannot be started: %s\n", argv[0], std::strerror(errno));
    _exit(kCannotStart);
  }

  pid_t process_ = -1;
};

// Notices whether files change.
class Watchdog {
 public:
  Watchdog(std::chrono::milliseconds patience, const std::vector<std::filesystem::path>& watched)
      : patience_(patience), watched_(watched), seen_(look()) {}

  bool has_lost_patience() {
    if (patience_.count() == 0) return false;
    std::vector<std::filesystem::file_time_type> now = look();
    if (now != seen_) {
      seen_ = std::move(now);
      changed_at_ = Clock::now();
    }
    return Clock::now() - changed_at_ > patience_;
  }

 private:
  [[nodiscard]] std::vector<std::filesystem::file_time_type> look() const {
    std::vector<std::filesystem::file_time_type> times;
    for (const std::filesystem::path& file : watched_) {
      std::error_code ignored;
      times.push_back(std::filesystem::last_write_time(file, ignored));
    }
    return times;
  }

  std::chrono::milliseconds patience_;
  const std::vector<std::filesystem::path>& watched_;
  std::vector<std::filesystem::file_time_type> seen_;
  Clock::time_point changed_at_ = Clock::now();
};

class RestartLoop {
 public:
  explicit RestartLoop(const RestartOptions& options) : options_(options) {}

  int run() {
    std::chrono::milliseconds pause = options_.first_pause;
    for (int attempt = 0;; ++attempt) {
      const Clock::time_point start = Clock::now();
      const int status = run_once();
      if (Clock::now() - start > kLongRun) pause = options_.first_pause;
      const int code = to_exit_code(status);
      if (was_stopped_) return is_decided(code) ? code : static_cast<int>(ExitCode::kInterrupted);
      if (is_decided(code) || code == kCannotStart || attempt >= options_.restarts) return code;
      announce(fmt::format("the job {}{}; restart {} of {} in {:.0f} s", hang_, describe_wait_status(status),
                           attempt + 1, options_.restarts, static_cast<double>(pause.count()) / 1000));
      if (!wait(pause)) return static_cast<int>(ExitCode::kInterrupted);
      pause = std::min(2 * pause, kLongestPause);
    }
  }

 private:
  static int to_exit_code(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  static bool is_decided(int code) {
    const auto known = {ExitCode::kOk, ExitCode::kBadInput, ExitCode::kIncomplete, ExitCode::kInterrupted};
    return std::any_of(known.begin(), known.end(),
                       [code](ExitCode decided) { return static_cast<int>(decided) == code; });
  }

  int run_once() {
    hang_.clear();
    Job job(options_.command);
    Watchdog watchdog(options_.watchdog, options_.watched);
    while (true) {
      if (const auto status = job.find_status()) return *status;
      if (came_stop_signal()) {
        if (std::exchange(was_stopped_, true)) return job.end();
        job.signal(SIGUSR1);
      }
      if (watchdog.has_lost_patience()) {
        hang_ = fmt::format("gave no sign of life for {:.0f} s, was killed, and ",
                            static_cast<double>(options_.watchdog.count()) / 1000);
        return job.end();
      }
      std::this_thread::sleep_for(kLook);
    }
  }

  // False if a stop signal came.
  bool wait(std::chrono::milliseconds pause) {
    const Clock::time_point deadline = Clock::now() + pause;
    while (Clock::now() < deadline) {
      if (came_stop_signal()) return false;
      std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(kLook, pause));
    }
    return true;
  }

  [[nodiscard]] bool came_stop_signal() const {
    return options_.take_stop_signal && options_.take_stop_signal().has_value();
  }

  void announce(const std::string& text) const {
    if (options_.announce) options_.announce(text);
  }

  const RestartOptions& options_;
  bool was_stopped_ = false;
  std::string hang_;
};

}  // namespace

int run_with_restarts(const RestartOptions& options) {
  std::signal(SIGCHLD, SIG_DFL);  // a parent that ignores it hands that on, and ends would go unnoticed
  return RestartLoop(options).run();
}

}  // namespace lacuna
