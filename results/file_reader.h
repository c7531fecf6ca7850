// Reading files of a run so that "could not be read" and "read, but wrong" are never taken for each other:
// the first is the disk's fault and says nothing about the file, the second is damage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "results/descriptor.h"

namespace lacuna {

class FileReader {
 public:
  // Throws InputError whose `why` says what is wrong with the name (nothing is there, a folder, a pipe), and
  // StorageError for every other answer of the operating system (EACCES, EIO, ESTALE, ...).
  explicit FileReader(std::filesystem::path file);

  // Bytes, when it was opened.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Fills `bytes` from `offset` on; false if the file ends before. Throws StorageError.
  [[nodiscard]] bool read(std::uint64_t offset, std::span<std::uint8_t> bytes) const;

 private:
  std::filesystem::path file_;
  Descriptor descriptor_;
  std::uint64_t size_ = 0;
};

}  // namespace lacuna
