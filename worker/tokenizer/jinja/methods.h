// The methods of strings, dicts and lists that templates may call.
#pragma once

#include <string_view>

#include "worker/tokenizer/jinja/arguments.h"
#include "worker/tokenizer/jinja/value.h"

namespace lacuna::jinja {

// Whether Python's type of `value` has this method, implemented here or not.
bool has_method(const Value& value, std::string_view name);

// The method to call later. Throws Failure if it is not implemented.
Value bind_method(const Value& receiver, std::string_view name);

Value call_method(const BoundMethod& method, const Arguments& arguments, Budget& budget);

// text.replace(pattern, replacement, count); count below 0: all.
std::string replace_text(std::string_view text, std::string_view pattern, std::string_view replacement,
                         std::int64_t count, Budget& budget);

// text.upper() or text.lower() of ASCII text; other letters are refused: their mapping is not one to one.
std::string change_case(std::string_view text, bool upper);

}  // namespace lacuna::jinja
