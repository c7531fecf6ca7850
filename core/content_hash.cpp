#include "core/content_hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "core/error.h"

namespace lacuna {
namespace {

std::string to_hex(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  std::string text;
  for (const unsigned char byte : canonical.digest) text += fmt::format("{:02x}", byte);
  return text;
}

[[noreturn]] void fail_to_read(const std::filesystem::path& file) {
  throw SystemError({.problem = "cannot be read", .why = std::strerror(errno)}, SourceLocation{.file = file});
}

}  // namespace

std::string hash_bytes(std::string_view bytes) {
  return to_hex(XXH3_128bits(bytes.data(), bytes.size()));
}

std::string hash_bytes_sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
    throw SystemError({.problem = "SHA-256 failed", .why = "OpenSSL refuses it"});
  }
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest.at(i));
  return text;
}

std::string hash_file(const std::filesystem::path& file, const KeepAlive& keep_alive) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(file.c_str(), "rb"), std::fclose);
  if (stream == nullptr) fail_to_read(file);
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  if (state == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state.get());
  std::vector<char> piece(std::size_t{1} << 20U);
  while (const std::size_t read = std::fread(piece.data(), 1, piece.size(), stream.get())) {
    XXH3_128bits_update(state.get(), piece.data(), read);
    if (keep_alive) keep_alive();
  }
  if (std::ferror(stream.get()) != 0) fail_to_read(file);
  return to_hex(XXH3_128bits_digest(state.get()));
}

}  // namespace lacuna
