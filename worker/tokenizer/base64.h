// Base64 (RFC 4648, section 4): how raw bytes travel in JSON lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lacuna {

// The bytes that `text` stands for; nothing if it is not base64 with its padding.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace lacuna
