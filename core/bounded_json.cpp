#include "core/bounded_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/error.h"

namespace lacuna {
namespace {

// Line and column (in bytes) of a byte offset, both from 1.
SourceLocation locate(std::string_view text, std::size_t offset, const std::filesystem::path& origin) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n');
  const auto line_start = before.rfind('\n');
  const std::size_t column =
      line_start == std::string_view::npos ? before.size() : before.size() - line_start - 1;
  return {origin, static_cast<std::int64_t>(line) + 1, static_cast<std::int64_t>(column) + 1};
}

// One pass over the raw text that follows brackets and skips strings. It need not understand malformed JSON:
// the parser that runs afterwards refuses that.
void check_shape(std::string_view text, std::size_t max_members, const std::filesystem::path& origin) {
  std::vector<std::size_t> members;  // commas seen so far at each open level
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    if (in_string) {
      if (byte == '\\') ++at;
      if (byte == '"') in_string = false;
    } else if (byte == '"') {
      in_string = true;
    } else if (byte == '{' || byte == '[') {
      if (members.size() >= kMaxJsonDepth) {
        throw InputError(
            {"the JSON is nested too deeply", fmt::format("at most {} levels are read", kMaxJsonDepth)},
            locate(text, at, origin));
      }
      // Only objects pay for many members.
      members.push_back(byte == '{' ? 0 : SIZE_MAX / 2);
    } else if ((byte == '}' || byte == ']') && !members.empty()) {
      members.pop_back();
    } else if (byte == ',' && !members.empty() && members.back() < SIZE_MAX / 2) {
      if (++members.back() >= max_members) {
        throw InputError(
            {"a JSON object has too many members", fmt::format("at most {} are read", max_members)},
            locate(text, at, origin));
      }
    }
  }
}

template <class Json>
Json parse_checked(std::string_view text, std::size_t max_members, const std::filesystem::path& origin) {
  check_shape(text, max_members, origin);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    // The library's message repeats its own name and the position; only the tail says what is wrong.
    std::string why = error.what();
    if (const auto colon = why.find(": "); colon != std::string::npos) why.erase(0, colon + 2);
    throw InputError({"malformed JSON", why}, locate(text, error.byte > 0 ? error.byte - 1 : 0, origin));
  } catch (const nlohmann::json::exception& error) {
    throw InputError({"malformed JSON", error.what()}, SourceLocation{origin});
  }
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::filesystem::path& origin) {
  return parse_checked<nlohmann::json>(text, SIZE_MAX, origin);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::filesystem::path& origin) {
  return parse_checked<nlohmann::ordered_json>(text, kMaxOrderedKeys, origin);
}

}  // namespace lacuna
