// Template text to tokens, with Jinja2's rules for white space under trim_blocks and lstrip_blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lacuna::jinja {

struct Token {
  enum class Kind {
    kData,         // text between tags
    kOutputBegin,  // {{
    kOutputEnd,    // }}
    kBlockBegin,   // {%
    kBlockEnd,     // %}
    kName,
    kString,    // `text`: the value, escapes undone
    kInteger,   // `text`: the digits
    kFloat,     // `text`: as written, without underscores
    kOperator,  // `text`: the operator
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::string text;
  std::int64_t line = 1;
};

// All tokens of `source` (well-formed UTF-8), kEnd last. Comments are left out. Throws Failure.
std::vector<Token> read_tokens(std::string_view source);

}  // namespace lacuna::jinja
