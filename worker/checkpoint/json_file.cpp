#include "worker/checkpoint/json_file.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "core/error.h"

namespace lacuna {
namespace {

// config.json is a few KB, a shard index a few hundred: anything near this is no such file.
constexpr std::uintmax_t kMaximumBytes = 64U << 20U;

SourceLocation locate(const std::filesystem::path& path, std::string_view text, std::size_t byte) {
  SourceLocation location{path, 1, 1};
  for (const char character : text.substr(0, byte > 0 ? byte - 1 : 0)) {
    ++location.column;
    if (character == '\n') {
      ++location.line;
      location.column = 1;
    }
  }
  return location;
}

}  // namespace

JsonFile JsonFile::read(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) {
    throw InputError({.problem = "cannot read the file", .why = error.message()}, SourceLocation{path});
  }
  if (size > kMaximumBytes) {
    throw InputError({.problem = fmt::format("a JSON file of {} bytes is not plausible here", size)},
                     SourceLocation{path});
  }
  std::ifstream stream(path, std::ios::binary);
  std::stringstream buffer;
  buffer << stream.rdbuf();
  const std::string text = buffer.str();
  try {
    nlohmann::json json = nlohmann::json::parse(text);
    if (!json.is_object()) {
      throw InputError({.problem = "the top level is not a JSON object"}, SourceLocation{path});
    }
    return {path, "", std::move(json)};
  } catch (const nlohmann::json::parse_error& parse_error) {
    throw InputError({.problem = "not valid JSON",
                      .why = "it is damaged or only partly downloaded",
                      .suggestion = "download the file again"},
                     locate(path, text, parse_error.byte));
  }
}

const nlohmann::json* JsonFile::find(std::string_view key) const {
  const auto found = json_.find(std::string(key));
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void JsonFile::refuse(std::string_view key, const std::string& why) const {
  throw InputError({.problem = fmt::format("key '{}{}'", prefix_, key), .why = why}, SourceLocation{path_});
}

std::optional<JsonFile> JsonFile::find_object(std::string_view key) const {
  const nlohmann::json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) refuse(key, "must be an object");
  return JsonFile(path_, fmt::format("{}{}.", prefix_, key), *value);
}

std::optional<std::int64_t> JsonFile::find_integer(std::string_view key, std::int64_t minimum,
                                                   std::int64_t maximum) const {
  const nlohmann::json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) refuse(key, fmt::format("must be an integer, not {}", value->type_name()));
  const bool too_large =
      value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(maximum);
  if (too_large || value->get<std::int64_t>() < minimum || value->get<std::int64_t>() > maximum) {
    refuse(key, fmt::format("{} is not in {}..{}", value->dump(), minimum, maximum));
  }
  return value->get<std::int64_t>();
}

std::int64_t JsonFile::require_integer(std::string_view key, std::int64_t minimum,
                                       std::int64_t maximum) const {
  const auto value = find_integer(key, minimum, maximum);
  if (!value) refuse(key, "is missing");
  return *value;
}

std::optional<double> JsonFile::find_number(std::string_view key, double minimum, double maximum) const {
  const nlohmann::json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) refuse(key, fmt::format("must be a number, not {}", value->type_name()));
  const auto number = value->get<double>();
  if (!(number >= minimum && number <= maximum)) {
    refuse(key, fmt::format("{} is not in {}..{}", number, minimum, maximum));
  }
  return number;
}

std::optional<bool> JsonFile::find_bool(std::string_view key) const {
  const nlohmann::json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) refuse(key, "must be true or false");
  return value->get<bool>();
}

std::optional<std::string> JsonFile::find_string(std::string_view key) const {
  const nlohmann::json* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse(key, "must be a string");
  return value->get<std::string>();
}

std::vector<std::int64_t> JsonFile::find_integers(std::string_view key) const {
  const nlohmann::json* const value = find(key);
  if (value == nullptr) return {};
  if (value->is_number_integer()) return {value->get<std::int64_t>()};
  if (!value->is_array()) refuse(key, "must be an integer or a list of integers");
  std::vector<std::int64_t> integers;
  for (const nlohmann::json& element : *value) {
    if (!element.is_number_integer()) refuse(key, "must be an integer or a list of integers");
    integers.push_back(element.get<std::int64_t>());
  }
  return integers;
}

std::vector<std::string> JsonFile::find_strings(std::string_view key) const {
  const nlohmann::json* const value = find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) refuse(key, "must be a list of strings");
  std::vector<std::string> strings;
  for (const nlohmann::json& element : *value) {
    if (!element.is_string()) refuse(key, "must be a list of strings");
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

}  // namespace lacuna
