#include "results/checksum_trailer.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <vector>

#include "core/error.h"
#include "results/file_reader.h"

namespace lacuna {

namespace {

constexpr std::size_t kHashedTrailerBytes = 24;
constexpr std::array<char, 8> kMagic = {'L', 'A', 'C', 'U', 'N', 'A', 'X', 'X'};
constexpr std::uint8_t kVersion = 1;

// XXH3-128 of data that comes in pieces.
class Hasher {
 public:
  Hasher() : state_(XXH3_createState(), &XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }
  void add(const void* bytes, std::size_t size) { XXH3_128bits_update(state_.get(), bytes, size); }
  [[nodiscard]] XXH128_canonical_t digest() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    return canonical;
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

// The trailer without its hash.
ChecksumTrailer make_trailer_head(std::uint64_t length) {
  ChecksumTrailer trailer{};
  std::memcpy(trailer.data(), kMagic.data(), kMagic.size());
  trailer[8] = kVersion;
  for (std::size_t i = 0; i < 8; ++i) trailer[16 + i] = static_cast<std::uint8_t>(length >> (8 * i));
  return trailer;
}

ChecksumTrailer finish_trailer(Hasher& hasher, std::uint64_t length) {
  ChecksumTrailer trailer = make_trailer_head(length);
  hasher.add(trailer.data(), kHashedTrailerBytes);
  const XXH128_canonical_t canonical = hasher.digest();
  static_assert(sizeof canonical.digest == kChecksumTrailerBytes - kHashedTrailerBytes);
  std::memcpy(trailer.data() + kHashedTrailerBytes, canonical.digest, sizeof canonical.digest);
  return trailer;
}

// Feeds `length` bytes of a file, from `offset` on, to the hasher; false if it has fewer.
bool hash_file_range(const FileReader& file, std::uint64_t offset, std::uint64_t length, Hasher& hasher) {
  std::vector<std::uint8_t> buffer(std::min<std::uint64_t>(length, std::uint64_t{1} << 20U));
  while (length > 0) {
    const auto piece = std::span(buffer).first(std::min<std::uint64_t>(length, buffer.size()));
    if (!file.read(offset, piece)) return false;
    hasher.add(piece.data(), piece.size());
    offset += piece.size();
    length -= piece.size();
  }
  return true;
}

constexpr const char* kEndsEarly = "the file ends before it";

std::optional<std::string> find_checksum_problem(const FileReader& file, std::uint64_t offset,
                                                 std::uint64_t size) {
  if (size < kChecksumTrailerBytes) return "it is too short to be whole";
  // The trailer first: what does not end in one need not be read.
  const std::uint64_t length = size - kChecksumTrailerBytes;
  ChecksumTrailer found{};
  if (!file.read(offset + length, found)) return kEndsEarly;
  const std::optional<std::uint64_t> recorded = read_trailer_length(found);
  if (!recorded) return "it does not end in a checksum: truncated, or changed by another program";
  if (*recorded != length) return "its length is not that of its checksum";
  Hasher hasher;
  if (!hash_file_range(file, offset, length, hasher)) return kEndsEarly;
  if (found == finish_trailer(hasher, length)) return std::nullopt;
  return "its checksum does not match";
}

// What is no file at all is a problem like any other.
std::optional<std::string> find_checksum_problem(
    const std::filesystem::path& file,
    const std::function<std::optional<std::string>(const FileReader&)>& find_problem) {
  std::optional<FileReader> reader;
  try {
    reader.emplace(file);
  } catch (const InputError& error) {
    return fmt::format("it cannot be read: {}", error.text().why);
  }
  return find_problem(*reader);
}

}  // namespace

ChecksumTrailer make_checksum_trailer(std::span<const std::uint8_t> image) {
  Hasher hasher;
  hasher.add(image.data(), image.size());
  return finish_trailer(hasher, image.size());
}

void append_checksum_trailer(const std::filesystem::path& file) {
  const FileReader reader(file);
  const std::uint64_t length = reader.size();
  Hasher hasher;
  if (!hash_file_range(reader, 0, length, hasher)) throw StorageError("read back", file, EIO);
  const ChecksumTrailer trailer = finish_trailer(hasher, length);
  std::ofstream output(file, std::ios::binary | std::ios::app);
  output.write(reinterpret_cast<const char*>(trailer.data()), static_cast<std::streamsize>(trailer.size()));
  output.close();
  if (!output) throw StorageError("write", file, errno);
}

std::optional<std::uint64_t> read_trailer_length(std::span<const std::uint8_t, kChecksumTrailerBytes> bytes) {
  if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) return std::nullopt;
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 8; ++i) length |= std::uint64_t{bytes[16 + i]} << (8 * i);
  return length;
}

std::optional<std::string> find_checksum_problem(const std::filesystem::path& file) {
  return find_checksum_problem(
      file, [](const FileReader& reader) { return find_checksum_problem(reader, 0, reader.size()); });
}

std::optional<std::string> find_checksum_problem(const std::filesystem::path& file, std::uint64_t offset,
                                                 std::uint64_t size) {
  return find_checksum_problem(
      file, [&](const FileReader& reader) { return find_checksum_problem(reader, offset, size); });
}

std::optional<std::string> find_checksum_problem(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kChecksumTrailerBytes) return "it is too short to be whole";
  const auto image = bytes.first(bytes.size() - kChecksumTrailerBytes);
  const auto found = bytes.last<kChecksumTrailerBytes>();
  if (!read_trailer_length(found)) {
    return "it does not end in a checksum: truncated, or changed by another program";
  }
  if (std::ranges::equal(found, make_checksum_trailer(image))) return std::nullopt;
  return "its checksum does not match";
}

}  // namespace lacuna
