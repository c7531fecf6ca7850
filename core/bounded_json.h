// JSON from files that nobody vouches for: nesting and key counts are checked before anything is built.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace lacuna {

// Recursive operations on a JSON value (copy, compare) are safe up to this many levels.
constexpr std::size_t kMaxJsonDepth = 200;

// An ordered_json object finds a key by looking at all before it, so a large one takes quadratic time.
constexpr std::size_t kMaxOrderedKeys = 2000;

// Throws InputError with line and column on malformed JSON (a number that no double holds included), or
// nesting deeper than kMaxJsonDepth. Bytes that are not UTF-8 are malformed.
nlohmann::json parse_json(std::string_view text, const std::filesystem::path& origin);

// The same with the order of keys kept; also refuses objects with more than kMaxOrderedKeys members.
nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::filesystem::path& origin);

}  // namespace lacuna
