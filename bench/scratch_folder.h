// A folder that lasts as long as what is measured in it.
#pragma once

#include <filesystem>

namespace lacuna {

class ScratchFolder {
 public:
  // Below TMPDIR or /tmp. Throws SystemError if it cannot be made, or if less than `bytes_needed` is free
  // there.
  explicit ScratchFolder(double bytes_needed);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace lacuna
