// What stands between the quotes of a string in a template.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lacuna::jinja {

// Undoes Python's escapes. `line` is for errors. Throws Failure for an escape that Python refuses or \N{...}.
std::string read_string_literal(std::string_view body, std::int64_t line);

}  // namespace lacuna::jinja
