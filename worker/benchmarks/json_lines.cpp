#include "worker/benchmarks/json_lines.h"

#include <fmt/format.h>

#include <limits>

#include "core/error.h"

namespace lacuna {

bool JsonRow::has(const std::string& field) const {
  const auto found = object_.find(field);
  return found != object_.end() && !found->is_null();
}

const nlohmann::json& JsonRow::find(const std::string& field) const {
  const auto found = object_.find(field);
  if (found == object_.end()) fail(field, "missing");
  return *found;
}

std::string JsonRow::get_string(const std::string& field) const {
  const nlohmann::json& value = find(field);
  if (!value.is_string()) fail(field, fmt::format("a string is expected, not {}", value.type_name()));
  return value.get<std::string>();
}

std::int64_t JsonRow::get_integer(const std::string& field) const {
  const nlohmann::json& value = find(field);
  if (!value.is_number_integer()) {
    fail(field, fmt::format("a whole number is expected, not {}", value.type_name()));
  }
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    fail(field, "the number is too large");
  }
  return value.get<std::int64_t>();
}

bool JsonRow::get_boolean(const std::string& field) const {
  const nlohmann::json& value = find(field);
  if (!value.is_boolean()) {
    fail(field, fmt::format("true or false (without quotes) is expected, not {}", value.type_name()));
  }
  return value.get<bool>();
}

std::vector<std::string> JsonRow::get_strings(const std::string& field) const {
  const nlohmann::json& value = find(field);
  if (!value.is_array()) {
    fail(field, fmt::format("a list of strings is expected, not {}", value.type_name()));
  }
  std::vector<std::string> strings;
  for (const nlohmann::json& element : value) {
    if (!element.is_string()) {
      fail(field,
           fmt::format("element {} is {} instead of a string", strings.size() + 1, element.type_name()));
    }
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

std::optional<std::string> JsonRow::get_optional_string(const std::string& field) const {
  if (!has(field)) return std::nullopt;
  return get_string(field);
}

bool JsonRow::is_string(const std::string& field) const {
  const auto found = object_.find(field);
  return found != object_.end() && found->is_string();
}

bool JsonRow::is_boolean(const std::string& field) const {
  const auto found = object_.find(field);
  return found != object_.end() && found->is_boolean();
}

void JsonRow::fail(const std::string& field, const std::string& problem,
                   const std::string& suggestion) const {
  throw InputError({.problem = fmt::format("row {}, field '{}'", row_ + 1, field),
                    .why = problem,
                    .suggestion = suggestion},
                   SourceLocation{file_, line_});
}

JsonRow parse_json_row(std::string_view text, const std::filesystem::path& file, std::int64_t line,
                       std::int64_t row) {
  nlohmann::json value;
  try {
    value = nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& error) {
    // Its message quotes the text, which must not get out for every data set.
    throw InputError({.problem = fmt::format("row {} is not valid JSON", row + 1),
                      .why = "the file must hold one JSON object a line, in UTF-8",
                      .suggestion = "the line may be cut off or hold a lone surrogate escape"},
                     SourceLocation{file, line, static_cast<std::int64_t>(error.byte)});
  } catch (const nlohmann::json::exception&) {  // a number that no double holds
    throw InputError({.problem = fmt::format("row {} holds a number out of range", row + 1)},
                     SourceLocation{file, line});
  }
  if (!value.is_object()) {
    throw InputError({.problem = fmt::format("row {} is {} instead of an object", row + 1, value.type_name()),
                      .why = "the file must hold one JSON object a line"},
                     SourceLocation{file, line});
  }
  return {std::move(value), file, line, row};
}

void for_each_json_row(std::string_view text, const std::filesystem::path& file,
                       const std::function<void(const JsonRow&)>& take) {
  std::int64_t line = 0;
  std::int64_t row = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view content = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    ++line;
    if (content.ends_with('\r')) content.remove_suffix(1);
    if (content.find_first_not_of(" \t") == std::string_view::npos) continue;
    take(parse_json_row(content, file, line, row));
    ++row;
  }
}

}  // namespace lacuna
