// A benchmark's file as one text.
#pragma once

#include <filesystem>
#include <string>

namespace lacuna {

// The whole content, without a UTF-8 byte order mark at its start. Throws InputError if there is no such file
// or it is no regular file, SystemError if reading fails.
std::string read_text_file(const std::filesystem::path& file);

}  // namespace lacuna
