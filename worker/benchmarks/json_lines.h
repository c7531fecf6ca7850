// JSON-lines files: one object a line, with errors that name file and line and never quote the content.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lacuna {

// One line of a JSON-lines file.
class JsonRow {
 public:
  JsonRow(nlohmann::json object, std::filesystem::path file, std::int64_t line, std::int64_t row)
      : object_(std::move(object)), file_(std::move(file)), line_(line), row_(row) {}

  [[nodiscard]] std::int64_t row() const { return row_; }  // from 0, empty lines not counted
  // Whether the field exists and is not null.
  [[nodiscard]] bool has(const std::string& field) const;
  // These throw InputError if the field is missing or has another type.
  [[nodiscard]] std::string get_string(const std::string& field) const;
  [[nodiscard]] std::int64_t get_integer(const std::string& field) const;
  [[nodiscard]] bool get_boolean(const std::string& field) const;
  [[nodiscard]] std::vector<std::string> get_strings(const std::string& field) const;
  // None for null or a missing field.
  [[nodiscard]] std::optional<std::string> get_optional_string(const std::string& field) const;
  [[nodiscard]] bool is_string(const std::string& field) const;
  [[nodiscard]] bool is_boolean(const std::string& field) const;
  // An InputError about this line: "row 3, field 'answer': problem".
  [[noreturn]] void fail(const std::string& field, const std::string& problem,
                         const std::string& suggestion = {}) const;

 private:
  [[nodiscard]] const nlohmann::json& find(const std::string& field) const;

  nlohmann::json object_;
  std::filesystem::path file_;
  std::int64_t line_;
  std::int64_t row_;
};

// Parses one line. Throws InputError with file and line for anything but one JSON object (escapes \uXXXX with
// surrogate pairs included).
JsonRow parse_json_row(std::string_view text, const std::filesystem::path& file, std::int64_t line,
                       std::int64_t row);

// Calls `take` for every line of a file's content; lines end with LF or CR LF, empty ones are skipped.
void for_each_json_row(std::string_view text, const std::filesystem::path& file,
                       const std::function<void(const JsonRow&)>& take);

}  // namespace lacuna
