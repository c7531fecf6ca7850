// Files that are there whole or not at all, also after a crash or on a full disk. Every failure to write is a
// StorageError that names the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string_view>

namespace lacuna {

// A name beside `file` that no other process uses: ".<name>.<host>.<process id>.tmp".
std::filesystem::path temporary_name(const std::filesystem::path& file);

// A file that is written piece by piece under temporary_name(file) and appears when it is committed.
class DurableFile {
 public:
  explicit DurableFile(std::filesystem::path file);
  // Without commit(): removes the temporary file.
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void write(std::span<const std::uint8_t> bytes);
  // Syncs, renames, syncs the folder. After a failure neither the temporary file nor a changed file is left.
  void commit();

 private:
  std::filesystem::path file_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

// Throws InputError if `file` cannot be written because its folder is missing or it is itself a folder: to be
// called before the work whose result goes there.
void check_place_of(const std::filesystem::path& file);

// Writes the pieces one after another to temporary_name(file), syncs, renames, syncs the folder. On failure
// throws StorageError and leaves neither the temporary file nor a changed `file`. A `file` that is a device
// or a pipe (/dev/stdout) is written to as it is.
void write_file_durably(const std::filesystem::path& file,
                        std::initializer_list<std::span<const std::uint8_t>> pieces);

// The second half of that, for a file that was written by other means: syncs `temporary`, renames it to
// `file`, syncs the folder. On failure removes `temporary` and throws StorageError.
void publish_file(const std::filesystem::path& temporary, const std::filesystem::path& file);

// Renames within a file system, replacing `to`, and syncs the folder of `to`.
void move_file_durably(const std::filesystem::path& from, const std::filesystem::path& to);

// Appends to a file that several processes may append to, and syncs. A failure leaves it as it was.
void append_to_file(const std::filesystem::path& file, std::string_view text);

// Makes a folder and those above it.
void make_folders(const std::filesystem::path& folder);

}  // namespace lacuna
