// Keeps a second coordinator off a run directory. The lock is the kernel's (flock): it ends with its process,
// however that dies.
#pragma once

#include <filesystem>

namespace lacuna {

class RunLock {
 public:
  // Locks <run_directory>/.lock (the directory must exist). Throws InputError that names the host and process
  // that holds it, SystemError if the file cannot be made.
  explicit RunLock(const std::filesystem::path& run_directory);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace lacuna
