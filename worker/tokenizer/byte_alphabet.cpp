#include "worker/tokenizer/byte_alphabet.h"

#include <array>
#include <cstddef>

#include "core/utf8.h"

namespace lacuna::byte_alphabet {
namespace {

constexpr char32_t kFirstShifted = 0x100;
constexpr std::size_t kShiftedCount = 68;
constexpr int kNoByte = -1;

struct Tables {
  std::array<char32_t, 256> spelling{};
  std::array<int, kFirstShifted + kShiftedCount> byte{};  // by code point
};

constexpr Tables make_tables() {
  Tables tables;
  tables.byte.fill(kNoByte);
  char32_t next_shifted = kFirstShifted;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const char32_t spelling = itself ? static_cast<char32_t>(byte) : next_shifted++;
    tables.spelling[byte] = spelling;
    tables.byte[spelling] = static_cast<int>(byte);
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

char32_t spell(unsigned char byte) {
  return kTables.spelling[byte];
}

std::optional<std::string> read(std::string_view token) {
  std::string bytes;
  bytes.reserve(token.size());
  for (std::size_t at = 0; at < token.size();) {
    const utf8::CodePoint point = utf8::read(token, at);
    at += point.length;
    if (!point.well_formed || point.value >= kTables.byte.size() || kTables.byte[point.value] == kNoByte) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(kTables.byte[point.value]));
  }
  return bytes;
}

std::string write(std::string_view bytes) {
  std::string token;
  for (const char byte : bytes) utf8::append(token, spell(static_cast<unsigned char>(byte)));
  return token;
}

}  // namespace lacuna::byte_alphabet
