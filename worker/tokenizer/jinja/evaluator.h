// Runs a parsed template.
#pragma once

#include <map>
#include <string>

#include "worker/tokenizer/jinja/syntax_tree.h"
#include "worker/tokenizer/jinja/value.h"

namespace lacuna::jinja {

// The text that `block` renders with these variables. Throws Failure with the line where it happened.
std::string render_template(const Block& block, std::map<std::string, Value> variables, Budget& budget);

}  // namespace lacuna::jinja
