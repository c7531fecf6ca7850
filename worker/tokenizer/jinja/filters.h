// The filters (`value | name(...)`) and tests (`value is name(...)`) of templates.
#pragma once

#include <string>
#include <string_view>

#include "worker/tokenizer/jinja/arguments.h"
#include "worker/tokenizer/jinja/value.h"

namespace lacuna::jinja {

// Whether there is a filter or test of this name; asked before anything is rendered, so that a template that
// uses another one is refused when it is read.
bool is_filter(std::string_view name);
bool is_test(std::string_view name);

Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments, Budget& budget);
bool apply_test(const std::string& name, const Value& value, const Arguments& arguments, Budget& budget);

}  // namespace lacuna::jinja
