// Hashes of bytes and files. XXH3-128, the fast one, detects change and damage, not malice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/keep_alive.h"

namespace lacuna {

// 32 lower-case hexadecimal digits, the canonical (big-endian) form that `xxh128sum` prints.
std::string hash_bytes(std::string_view bytes);

// SHA-256, 64 lower-case hexadecimal digits: for comparison with lists that others publish.
std::string hash_bytes_sha256(std::string_view bytes);

// XXH3-128 of a file's whole content, read in pieces, with `keep_alive` called for each MiB. Throws
// SystemError if it cannot be read.
std::string hash_file(const std::filesystem::path& file, const KeepAlive& keep_alive = {});

}  // namespace lacuna
