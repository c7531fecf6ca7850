#include "results/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "core/error.h"

namespace lacuna {

namespace {

[[noreturn]] void fail(const std::filesystem::path& file, const char* action, int error_number) {
  const bool is_full = error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
  throw SystemError({.problem = fmt::format("cannot {} '{}'", action, file.string()),
                     .why = std::generic_category().message(error_number),
                     .suggestion = is_full ? "free some space and run again: what is complete is kept" : ""});
}

// A POSIX descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& file, int flags)
      : value_(::open(file.c_str(), flags | O_CLOEXEC, 0666)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  [[nodiscard]] int get() const { return value_; }
  // 0 or the error number.
  int close() {
    const int result = value_ >= 0 && ::close(value_) != 0 ? errno : 0;
    value_ = -1;
    return result;
  }

 private:
  int value_;
};

int write_all(int descriptor, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

void remove_quietly(const std::filesystem::path& file) {
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
}

// Renames and makes the new name durable. Returns 0 or the error number.
int rename_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return errno;
  const Descriptor folder(folder_of(to), O_RDONLY | O_DIRECTORY);
  if (folder.get() < 0) return errno;
  // Some network file systems cannot sync a folder; they make renames durable themselves.
  if (::fsync(folder.get()) != 0 && errno != EINVAL && errno != ENOTSUP) return errno;
  return 0;
}

// A device, a pipe or a folder: a rename would put a file in its place.
bool is_special(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored) && !std::filesystem::is_regular_file(file, ignored);
}

// For /dev/stdout and the like, where there is nothing to make durable.
void write_to_special(const std::filesystem::path& file,
                      std::initializer_list<std::span<const std::uint8_t>> pieces) {
  const Descriptor descriptor(file, O_WRONLY);
  if (descriptor.get() < 0) fail(file, "write", errno);
  for (const auto& piece : pieces) {
    if (const int error_number = write_all(descriptor.get(), piece)) fail(file, "write", error_number);
  }
}

}  // namespace

std::filesystem::path temporary_name(const std::filesystem::path& file) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host = {"host"};
  return folder_of(file) / fmt::format(".{}.{}.{}.tmp", file.filename().string(), host.data(), ::getpid());
}

void write_file_durably(const std::filesystem::path& file,
                        std::initializer_list<std::span<const std::uint8_t>> pieces) {
  if (is_special(file)) return write_to_special(file, pieces);
  const std::filesystem::path temporary = temporary_name(file);
  Descriptor descriptor(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (descriptor.get() < 0) fail(file, "write", errno);
  int error_number = 0;
  for (const auto& piece : pieces) {
    if (error_number == 0) error_number = write_all(descriptor.get(), piece);
  }
  if (error_number == 0 && ::fsync(descriptor.get()) != 0) error_number = errno;
  const int close_error = descriptor.close();
  if (error_number == 0) error_number = close_error;
  if (error_number == 0) error_number = rename_durably(temporary, file);
  if (error_number != 0) {
    remove_quietly(temporary);
    fail(file, "write", error_number);
  }
}

void publish_file(const std::filesystem::path& temporary, const std::filesystem::path& file) {
  if (is_special(file)) {
    remove_quietly(temporary);
    fail(file, "write", EEXIST);
  }
  int error_number = 0;
  {
    const Descriptor descriptor(temporary, O_RDWR);
    if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0) error_number = errno;
  }
  if (error_number == 0) error_number = rename_durably(temporary, file);
  if (error_number != 0) {
    remove_quietly(temporary);
    fail(file, "write", error_number);
  }
}

}  // namespace lacuna
