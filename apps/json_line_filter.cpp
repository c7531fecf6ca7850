#include "apps/json_line_filter.h"

#include <fmt/format.h>

#include <iostream>
#include <utility>

#include "core/bounded_json.h"
#include "core/error.h"
#include "core/utf8.h"
#include "worker/tokenizer/normalizer.h"

namespace lacuna {
namespace {

constexpr const char* kStdin = "stdin";

JsonLine parse_line(std::string_view text, std::int64_t number) {
  try {
    JsonLine line(parse_ordered_json(utf8::repair(text), kStdin), number);
    static_cast<void>(line.find(""));  // refuses what is not an object
    return line;
  } catch (const InputError& error) {
    // The parser counts lines within the text, which is one line of ours.
    SourceLocation location{kStdin, number};
    if (error.location()) location.column = error.location()->column;
    throw InputError(error.text(), location);
  }
}

// One line of JSON. Three characters that many programs (Python's splitlines among them) take for line ends
// are written as escapes; in JSON they can only stand in strings.
std::string write_line(const nlohmann::ordered_json& object) {
  std::string line = object.dump();
  for (const auto& [character, escape] :
       {std::pair("\xC2\x85", "\\u0085"), std::pair("\xE2\x80\xA8", "\\u2028"),
        std::pair("\xE2\x80\xA9", "\\u2029")}) {
    if (line.find(character) != std::string::npos) line = replace_all(line, character, escape);
  }
  return line.append(1, '\n');
}

}  // namespace

const nlohmann::ordered_json& JsonLine::find(std::string_view name) const {
  static const nlohmann::ordered_json null_value;
  if (!object_.is_object()) fail("the line should hold a JSON object");
  const auto found = object_.find(std::string(name));
  return found == object_.end() ? null_value : *found;
}

const std::string& JsonLine::get_text(std::string_view name) const {
  const auto& field = find(name);
  if (!field.is_string()) fail(fmt::format("the field \"{}\" should be a string", name));
  return field.get_ref<const std::string&>();
}

void JsonLine::fail(const std::string& problem, const std::string& suggestion) const {
  throw InputError({problem, "", suggestion}, SourceLocation{kStdin, number_});
}

void filter_json_lines(const std::function<nlohmann::ordered_json(const JsonLine&)>& convert) {
  std::ios::sync_with_stdio(false);
  std::int64_t number = 0;
  for (std::string text; std::getline(std::cin, text);) {
    ++number;
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::cout << write_line(convert(parse_line(text, number)));
    if (!std::cout) break;
  }
  std::cout.flush();
  if (!std::cout)
    throw SystemError({"cannot write to stdout", "", "check the disk or the program that reads"});
}

}  // namespace lacuna
