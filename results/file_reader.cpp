#include "results/file_reader.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <system_error>
#include <utility>

#include "core/error.h"

namespace lacuna {

namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, std::string why) {
  throw InputError({.problem = fmt::format("cannot read '{}'", file.string()), .why = std::move(why)});
}

// What is wrong is the name, not the disk.
bool says_no_such_file(int error_number) {
  return error_number == ENOENT || error_number == ELOOP || error_number == ENXIO;
}

}  // namespace

// Without O_NONBLOCK a pipe would wait for a writer.
FileReader::FileReader(std::filesystem::path file)
    : file_(std::move(file)), descriptor_(file_, O_RDONLY | O_NONBLOCK) {
  struct stat status {};
  if (descriptor_.get() < 0 || ::fstat(descriptor_.get(), &status) != 0) {
    if (says_no_such_file(errno)) refuse(file_, std::generic_category().message(errno));
    throw StorageError::reading(file_, errno);
  }
  if (S_ISDIR(status.st_mode)) refuse(file_, "it is a directory");
  if (!S_ISREG(status.st_mode)) refuse(file_, "it is no regular file");
  size_ = static_cast<std::uint64_t>(status.st_size);
}

bool FileReader::read(std::uint64_t offset, std::span<std::uint8_t> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw StorageError::reading(file_, errno);
    if (got == 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace lacuna
