// A file's content as one text, for files that nobody vouches for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace lacuna {

// What a reader expects: `what` for messages ("a YAML file"), and how much it is willing to hold in memory.
struct FileLimit {
  std::string_view what;
  std::uint64_t maximum_bytes;
};

// The whole content, byte for byte; pipes and devices are read too, up to the limit. Throws InputError if
// there is no such file, or it is a directory, too large, or may not be read; SystemError if reading breaks
// off.
std::string read_whole_file(const std::filesystem::path& file, const FileLimit& limit);

}  // namespace lacuna
