#include "worker/checkpoint/json_file.h"

#include <fmt/format.h>

#include "core/bounded_json.h"
#include "core/error.h"
#include "core/whole_file.h"

namespace lacuna {
namespace {

// config.json is a few KB, a shard index a few hundred: anything near this is no such file.
constexpr FileLimit kModelJson = {"a model's JSON file", std::uint64_t{64} << 20U};

nlohmann::json parse_downloaded(const std::filesystem::path& path) {
  const std::string text = read_whole_file(path, kModelJson);
  try {
    return parse_json(text, path);
  } catch (const InputError& error) {
    ErrorText message = error.text();
    message.suggestion = "it may be damaged or only partly downloaded: download it again";
    throw InputError(std::move(message), error.location());
  }
}

}  // namespace

JsonFile JsonFile::read(const std::filesystem::path& path) {
  nlohmann::json json = parse_downloaded(path);
  if (!json.is_object()) {
    throw InputError({.problem = "the top level is not a JSON object"}, SourceLocation{path});
  }
  return {path, "", std::move(json)};
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
