// Tokens to a syntax tree.
#pragma once

#include <vector>

#include "worker/tokenizer/jinja/lexer.h"
#include "worker/tokenizer/jinja/syntax_tree.h"

namespace lacuna::jinja {

// Throws Failure for malformed templates, for tags that are not implemented, and for nesting too deep to walk
// recursively.
Block parse_template(std::vector<Token> tokens);

}  // namespace lacuna::jinja
