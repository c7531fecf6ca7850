// Values and strings as Python writes and cuts them: str, repr, json.dumps, strip, slices.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "worker/tokenizer/jinja/budget.h"
#include "worker/tokenizer/jinja/value.h"

namespace lacuna::jinja {

// str(value).
std::string to_text(const Value& value, Budget& budget);

// repr(value).
std::string to_repr(const Value& value, Budget& budget);

// json.dumps(value, ensure_ascii=False, indent=indent): ", " and ": " between things, order of keys kept.
std::string to_json(const Value& value, std::optional<std::int64_t> indent, Budget& budget);

// text.strip(characters): any of these characters, or white space (str.isspace) if there are none given.
enum class StripSide { kLeft, kRight, kBoth };
std::string_view strip(std::string_view text, const std::optional<std::string>& characters, StripSide side);

// value[start:stop:step] of a string (in code points), list or tuple. Raises for the rest, and for step 0.
struct Slice {
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> stop;
  std::optional<std::int64_t> step;
};
Value take_slice(const Value& value, const Slice& slice, Budget& budget);

}  // namespace lacuna::jinja
