// Writes a file in one go, with the folders it needs.
#pragma once

#include <filesystem>
#include <string_view>

namespace lacuna {

// Replaces `file` by `content`. Throws SystemError if it cannot be written.
void write_whole_file(const std::filesystem::path& file, std::string_view content);

}  // namespace lacuna
