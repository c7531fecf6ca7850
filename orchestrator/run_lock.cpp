#include "orchestrator/run_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

#include "core/error.h"

namespace lacuna {
namespace {

std::string read_holder(int descriptor) {
  std::array<char, 256> text{};
  const ssize_t size = pread(descriptor, text.data(), text.size() - 1, 0);
  std::string holder(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "another process" : holder;
}

void write_holder(int descriptor) {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  const std::string text = fmt::format("process {} on {}\n", getpid(), host.data());
  // Only for messages: a failure does not matter.
  if (ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t written = pwrite(descriptor, text.data(), text.size(), 0);
  }
}

}  // namespace

bool RunLock::try_lock(std::chrono::milliseconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return true;
}

RunLock::RunLock(const std::filesystem::path& run_directory, std::chrono::milliseconds patience) {
  const std::filesystem::path file = run_directory / ".lock";
  descriptor_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw SystemError({.problem = "the run's lock file cannot be opened", .why = std::strerror(errno)},
                      SourceLocation{.file = file});
  }
  if (try_lock(patience)) {
    write_holder(descriptor_);
    return;
  }
  const int failure = errno;
  const std::string holder = read_holder(descriptor_);
  close(descriptor_);
  if (failure != EWOULDBLOCK) {
    throw SystemError({.problem = "the run's lock file cannot be locked", .why = std::strerror(failure)},
                      SourceLocation{.file = file});
  }
  throw SystemError({.problem = fmt::format("the run directory '{}' is in use", run_directory.string()),
                     .why = fmt::format("{} runs the same experiment", holder),
                     .suggestion = "wait for it, or choose another directory with output=..."});
}

RunLock::~RunLock() {
  close(descriptor_);
}

}  // namespace lacuna
