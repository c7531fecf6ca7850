// XXH3-128 of bytes and files: detects change and damage, not malice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace lacuna {

// 32 lower-case hexadecimal digits, the canonical (big-endian) form that `xxh128sum` prints.
std::string hash_bytes(std::string_view bytes);

// Of a file's whole content, read in pieces. Throws SystemError if it cannot be read.
std::string hash_file(const std::filesystem::path& file);

}  // namespace lacuna
