// A checksum over a whole file, at the file's end, where HDF5 does not look.
//
// Trailer of 40 bytes behind the HDF5 image: 8 bytes "LACUNAXX", uint32 version 1, uint32 zero, uint64 length
// of the image, 16 bytes XXH3-128 (canonical, big-endian) of the image and the trailer's first 24 bytes.
// Integers are little-endian. HDF5 takes the file's length from its superblock and ignores bytes behind it,
// so h5py and all others open such a file as ever.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace lacuna {

inline constexpr std::size_t kChecksumTrailerBytes = 40;
using ChecksumTrailer = std::array<std::uint8_t, kChecksumTrailerBytes>;

ChecksumTrailer make_checksum_trailer(std::span<const std::uint8_t> image);

// Appends the trailer to a finished file, which is read once in pieces. Throws StorageError.
void append_checksum_trailer(const std::filesystem::path& file);

// Reads the file once in pieces. Nothing if it is as it was written, else what is wrong with it, for example
// "it does not end in a checksum: truncated, or changed by another program". Throws StorageError if the
// operating system cannot read it, which says nothing about what it holds.
std::optional<std::string> find_checksum_problem(const std::filesystem::path& file);
// The same of `size` bytes of a file from `offset` on, trailer included: a part inside a bundle.
std::optional<std::string> find_checksum_problem(const std::filesystem::path& file, std::uint64_t offset,
                                                 std::uint64_t size);
// The same of bytes in memory, trailer included.
std::optional<std::string> find_checksum_problem(std::span<const std::uint8_t> bytes);

// The length of the image before a trailer, as the trailer says; nothing if `bytes` are no trailer.
std::optional<std::uint64_t> read_trailer_length(std::span<const std::uint8_t, kChecksumTrailerBytes> bytes);

}  // namespace lacuna
