// Commands that turn each JSON object on stdin into one on stdout.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace lacuna {

// A line of stdin: its object, and errors that name the line.
class JsonLine {
 public:
  JsonLine(nlohmann::ordered_json object, std::int64_t number)
      : object_(std::move(object)), number_(number) {}

  // The field, or null if it is missing.
  [[nodiscard]] const nlohmann::ordered_json& find(std::string_view name) const;
  // The field as a string; throws InputError with the line if it is missing or something else.
  [[nodiscard]] const std::string& get_text(std::string_view name) const;
  [[noreturn]] void fail(const std::string& problem, const std::string& suggestion = {}) const;

 private:
  nlohmann::ordered_json object_;
  std::int64_t number_;  // from 1
};

// Reads stdin line by line (blank lines are skipped; bytes that are not UTF-8 are replaced by U+FFFD before
// the JSON is read), writes what `convert` makes of each as one line of UTF-8 JSON, flushes at the end.
// Throws InputError with the line number on a line that is not a JSON object.
void filter_json_lines(const std::function<nlohmann::ordered_json(const JsonLine&)>& convert);

}  // namespace lacuna
