#include "results/checksum_trailer.h"

#include <xxhash.h>

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

std::optional<std::string> find_checksum_problem(const std::filesystem::path& file) {
  std::error_code status;
  const std::uint64_t size = std::filesystem::file_size(file, status);
  std::ifstream stream(file, std::ios::binary);
  if (status || !stream) return "it cannot be read";
  if (size < kChecksumTrailerBytes) return "it is too short to be whole";
  const std::uint64_t length = size - kChecksumTrailerBytes;
  Hasher hasher;
  ChecksumTrailer found{};
  if (!hash_stream(stream, length, hasher) ||
      !stream.read(reinterpret_cast<char*>(found.data()), kChecksumTrailerBytes)) {
    return "it cannot be read to its end";
  }
  const ChecksumTrailer head = make_trailer_head(length);
  if (std::memcmp(found.data(), head.data(), kMagic.size()) != 0) {
    return "it does not end in a checksum: truncated, or changed by another program";
  }
  return found == finish_trailer(hasher, length) ? std::nullopt
                                                 : std::optional<std::string>("its checksum does not match");
}

}  // namespace lacuna
