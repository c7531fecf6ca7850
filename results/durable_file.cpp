#include "results/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "results/descriptor.h"

namespace lacuna {

namespace {

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
  if (descriptor.get() < 0) throw StorageError("write", file, errno);
  for (const auto& piece : pieces) {
    if (const int error_number = write_all(descriptor.get(), piece)) {
      throw StorageError("write", file, error_number);
    }
  }
}

}  // namespace

std::filesystem::path temporary_name(const std::filesystem::path& file) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host = {"host"};
  return folder_of(file) / fmt::format(".{}.{}.{}.tmp", file.filename().string(), host.data(), ::getpid());
}

DurableFile::DurableFile(std::filesystem::path file)
    : file_(std::move(file)), temporary_(temporary_name(file_)) {
  descriptor_ = Descriptor(temporary_, O_WRONLY | O_CREAT | O_TRUNC).release();
  if (descriptor_ < 0) throw StorageError("write", file_, errno);
}

DurableFile::~DurableFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  remove_quietly(temporary_);
}

void DurableFile::write(std::span<const std::uint8_t> bytes) {
  if (const int error_number = write_all(descriptor_, bytes))
    throw StorageError("write", file_, error_number);
}

void DurableFile::commit() {
  int error_number = ::fsync(descriptor_) != 0 ? errno : 0;
  if (::close(std::exchange(descriptor_, -1)) != 0 && error_number == 0) error_number = errno;
  if (error_number == 0) error_number = rename_durably(temporary_, file_);
  if (error_number == 0) return;
  remove_quietly(temporary_);
  throw StorageError("write", file_, error_number);
}

void check_place_of(const std::filesystem::path& file) {
  const std::filesystem::path folder = folder_of(file);
  std::error_code status;
  if (!std::filesystem::is_directory(folder, status)) {
    throw InputError({.problem = fmt::format("cannot write '{}'", file.string()),
                      .why = fmt::format("there is no folder '{}'", folder.string())});
  }
  if (std::filesystem::is_directory(file, status)) {
    throw InputError(
        {.problem = fmt::format("cannot write '{}'", file.string()), .why = "it is a directory"});
  }
}

void write_file_durably(const std::filesystem::path& file,
                        std::initializer_list<std::span<const std::uint8_t>> pieces) {
  if (is_special(file)) return write_to_special(file, pieces);
  DurableFile output(file);
  for (const auto& piece : pieces) output.write(piece);
  output.commit();
}

void publish_file(const std::filesystem::path& temporary, const std::filesystem::path& file) {
  int error_number = is_special(file) ? EEXIST : 0;
  if (error_number == 0) {
    const Descriptor descriptor(temporary, O_RDWR);
    if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0) error_number = errno;
  }
  if (error_number == 0) error_number = rename_durably(temporary, file);
  if (error_number == 0) return;
  remove_quietly(temporary);
  throw StorageError("write", file, error_number);
}

void move_file_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (const int error_number = rename_durably(from, to)) throw StorageError("move", from, error_number);
}

void append_to_file(const std::filesystem::path& file, std::string_view text) {
  const Descriptor descriptor(file, O_WRONLY | O_APPEND | O_CREAT);
  if (descriptor.get() < 0) throw StorageError("write", file, errno);
  const off_t before = ::lseek(descriptor.get(), 0, SEEK_END);
  int error_number =
      write_all(descriptor.get(), {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  if (error_number == 0 && ::fsync(descriptor.get()) != 0 && errno != EINVAL) error_number = errno;
  if (error_number == 0) return;
  // Half a line would spoil the next one.
  if (before >= 0 && ::ftruncate(descriptor.get(), before) != 0) error_number = errno;
  throw StorageError("write", file, error_number);
}

void make_folders(const std::filesystem::path& folder) {
  std::error_code status;
  std::filesystem::create_directories(folder, status);
  if (status) throw StorageError("make the folder", folder, status.value());
}

}  // namespace lacuna
