// A benchmark's file as one text.
#pragma once

#include <filesystem>
#include <string>

namespace lacuna {

// The whole content, without a UTF-8 byte order mark at its start. At most 1 GiB; errors as
// read_whole_file (core/whole_file.h) has them.
std::string read_text_file(const std::filesystem::path& file);

}  // namespace lacuna
