// A POSIX file descriptor that closes itself.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

namespace lacuna {

class Descriptor {
 public:
  // get() is negative, and errno says why, if the file could not be opened.
  Descriptor(const std::filesystem::path& file, int flags)
      : value_(::open(file.c_str(), flags | O_CLOEXEC, 0666)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  [[nodiscard]] int get() const { return value_; }
  // Gives the descriptor away.
  int release() { return std::exchange(value_, -1); }
  // 0 or the error number.
  int close() {
    const int result = value_ >= 0 && ::close(value_) != 0 ? errno : 0;
    value_ = -1;
    return result;
  }

 private:
  int value_;
};

}  // namespace lacuna
