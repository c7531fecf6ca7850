// JSON files of a model directory, read with suspicion: every access names the file and the key when it
// fails.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lacuna {

// A JSON object of a file, or an object inside it.
class JsonFile {
 public:
  // Reads and parses the file; its top level must be an object. Throws InputError (missing, too large, not
  // JSON or nested too deeply with line and column, not an object).
  static JsonFile read(const std::filesystem::path& path);

  // The object under `key`, none if absent or null. Throws InputError if it is anything else.
  [[nodiscard]] std::optional<JsonFile> find_object(std::string_view key) const;

  // Values under `key`; find_* return none if it is absent or null, require_* throw InputError then, and both
  // throw if the value has another type or lies outside [minimum, maximum].
  [[nodiscard]] std::int64_t require_integer(std::string_view key, std::int64_t minimum,
                                             std::int64_t maximum) const;
  [[nodiscard]] std::optional<std::int64_t> find_integer(std::string_view key, std::int64_t minimum,
                                                         std::int64_t maximum) const;
  [[nodiscard]] std::optional<double> find_number(std::string_view key, double minimum, double maximum) const;
  [[nodiscard]] std::optional<bool> find_bool(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> find_string(std::string_view key) const;
  // An integer or a list of integers; empty if absent or null.
  [[nodiscard]] std::vector<std::int64_t> find_integers(std::string_view key) const;
  // A list of strings; empty if absent or null.
  [[nodiscard]] std::vector<std::string> find_strings(std::string_view key) const;

  [[nodiscard]] const nlohmann::json& json() const { return json_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  JsonFile(std::filesystem::path path, std::string prefix, nlohmann::json json)
      : path_(std::move(path)), prefix_(std::move(prefix)), json_(std::move(json)) {}
  [[nodiscard]] const nlohmann::json* find(std::string_view key) const;
  [[noreturn]] void refuse(std::string_view key, const std::string& why) const;

  std::filesystem::path path_;
  std::string prefix_;  // keys above this object, "rope_scaling."
  nlohmann::json json_;
};

}  // namespace lacuna
