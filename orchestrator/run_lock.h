// Keeps a second coordinator off a run directory. The lock is the kernel's (flock): it ends with its process,
// however that dies.
#pragma once

#include <chrono>
#include <filesystem>

namespace lacuna {

class RunLock {
 public:
  // Locks <run_directory>/.lock (the directory must exist), waiting for `patience` if need be: the
  // coordinator of a job that was killed may take a moment to notice. Throws SystemError that names the host
  // and process that holds it, SystemError if the file cannot be made.
  explicit RunLock(const std::filesystem::path& run_directory, std::chrono::milliseconds patience = {});
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  // False with errno if another process has it, or on failure.
  [[nodiscard]] bool try_lock(std::chrono::milliseconds patience) const;

  int descriptor_ = -1;
};

}  // namespace lacuna
