// Safetensors files put together by hand, whole and damaged.
#pragma once

#include <cstdint>
#include <string>

namespace lacuna::testing {

// Length, header, data, as the format has them; `claimed_bytes` overrides the length.
inline std::string make_safetensors(const std::string& header, const std::string& data,
                                    std::int64_t claimed_bytes = -1) {
  std::uint64_t length = claimed_bytes >= 0 ? static_cast<std::uint64_t>(claimed_bytes) : header.size();
  std::string file;
  for (int byte = 0; byte < 8; ++byte) {
    file += static_cast<char>(length & 0xFFU);
    length >>= 8U;
  }
  return file + header + data;
}

}  // namespace lacuna::testing
