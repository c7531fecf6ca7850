// Python's operators, and Jinja2's look-up of fields and elements.
#pragma once

#include <string_view>

#include "worker/tokenizer/jinja/value.h"

namespace lacuna::jinja {

// base.name as jinja2.Environment.getattr: a method first, then an element; undefined if there is neither.
Value get_attribute(const Value& base, std::string_view name, Budget& budget);

// base[key] as jinja2.Environment.getitem: an element first, then a method; undefined if there is neither.
Value get_item(const Value& base, const Value& key, Budget& budget);

// left + right and so on; `operation` is one of + - * / // %. Raises Python's TypeError texts.
Value apply_arithmetic(std::string_view operation, const Value& left, const Value& right, Budget& budget);

Value negate(const Value& value);

// `operation` is one of == != < <= > >= in, not in.
bool compare(std::string_view operation, const Value& left, const Value& right, Budget& budget);

// len(value) in code points or elements.
std::int64_t measure_length(const Value& value, Budget& budget);

}  // namespace lacuna::jinja
