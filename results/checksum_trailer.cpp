#include "results/checksum_trailer.h"

#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <system_error>
#include <vector>

#include "core/error.h"

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

// Feeds the first `length` bytes of an open file to the hasher; false if it has fewer or cannot be read.
bool hash_stream(std::ifstream& stream, std::uint64_t length, Hasher& hasher) {
  std::vector<char> buffer(std::size_t{1} << 20U);
  while (length > 0) {
    const std::size_t wanted = std::min<std::uint64_t>(length, buffer.size());
    if (!stream.read(buffer.data(), static_cast<std::streamsize>(wanted))) return false;
    hasher.add(buffer.data(), wanted);
    length -= wanted;
  }
  return true;
}

}  // namespace

ChecksumTrailer make_checksum_trailer(std::span<const std::uint8_t> image) {
  Hasher hasher;
  hasher.add(image.data(), image.size());
  return finish_trailer(hasher, image.size());
}

void append_checksum_trailer(const std::filesystem::path& file) {
  std::error_code status;
  const std::uint64_t length = std::filesystem::file_size(file, status);
  if (status) throw StorageError("read back", file, status.value());
  Hasher hasher;
  std::ifstream stream(file, std::ios::binary);
  if (!stream || !hash_stream(stream, length, hasher)) {
    throw StorageError("read back", file, errno);
  }
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
  std::error_code status;
  const std::uint64_t size = std::filesystem::file_size(file, status);
  if (status) return "it cannot be read: " + status.message();
  return find_checksum_problem(file, 0, size);
}

std::optional<std::string> find_checksum_problem(const std::filesystem::path& file, std::uint64_t offset,
                                                 std::uint64_t size) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return "it cannot be read: " + std::generic_category().message(errno);
  if (size < kChecksumTrailerBytes) return "it is too short to be whole";
  // The trailer first: what does not end in one need not be read.
  const std::uint64_t length = size - kChecksumTrailerBytes;
  ChecksumTrailer found{};
  stream.seekg(static_cast<std::streamoff>(offset + length));
  if (!stream.read(reinterpret_cast<char*>(found.data()), kChecksumTrailerBytes)) {
    return "it cannot be read to its end";
  }
  const std::optional<std::uint64_t> recorded = read_trailer_length(found);
  if (!recorded) return "it does not end in a checksum: truncated, or changed by another program";
  if (*recorded != length) return "its length is not that of its checksum";
  Hasher hasher;
  stream.seekg(static_cast<std::streamoff>(offset));
  if (!hash_stream(stream, length, hasher)) return "it cannot be read to its end";
  if (found == finish_trailer(hasher, length)) return std::nullopt;
  return "its checksum does not match";
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
