// Files that are there whole or not at all, also after a crash or on a full disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>

namespace lacuna {

// A name beside `file` that no other process uses: ".<name>.<host>.<process id>.tmp".
std::filesystem::path temporary_name(const std::filesystem::path& file);

// Writes the pieces one after another to temporary_name(file), syncs, renames, syncs the folder. On failure
// throws SystemError and leaves neither the temporary file nor a changed `file`. A `file` that is a device or
// a pipe (/dev/stdout) is written to as it is.
void write_file_durably(const std::filesystem::path& file,
                        std::initializer_list<std::span<const std::uint8_t>> pieces);

// The second half of that, for a file that was written by other means: syncs `temporary`, renames it to
// `file`, syncs the folder. On failure removes `temporary` and throws SystemError.
void publish_file(const std::filesystem::path& temporary, const std::filesystem::path& file);

}  // namespace lacuna
