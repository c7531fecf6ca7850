#include "worker/tokenizer/jinja/arguments.h"

#include <fmt/format.h>

namespace lacuna::jinja {

std::optional<Value> ArgumentReader::find(std::string_view name) {
  if (next_ < arguments_.positional.size()) return arguments_.positional[next_++];
  for (std::size_t i = 0; i < arguments_.keywords.size(); ++i) {
    if (arguments_.keywords[i].first == name) {
      used_[i] = true;
      return arguments_.keywords[i].second;
    }
  }
  return std::nullopt;
}

Value ArgumentReader::take(std::string_view name) {
  auto value = find(name);
  if (!value) raise(fmt::format("{} lacks its argument `{}`", callee_, name));
  return *std::move(value);
}

std::string ArgumentReader::take_text(std::string_view name) {
  const Value value = take(name);
  require_defined(value);
  if (!value.is_string()) {
    raise(fmt::format("{}: `{}` should be a string, not {}", callee_, name, name_type(value)));
  }
  return *value.as_string();
}

std::optional<std::string> ArgumentReader::find_text(std::string_view name) {
  const auto value = find(name);
  if (!value || value->is_none()) return std::nullopt;
  require_defined(*value);
  if (!value->is_string()) {
    raise(fmt::format("{}: `{}` should be a string, not {}", callee_, name, name_type(*value)));
  }
  return *value->as_string();
}

std::optional<std::int64_t> ArgumentReader::find_integer(std::string_view name) {
  const auto value = find(name);
  if (!value || value->is_none()) return std::nullopt;
  require_defined(*value);
  if (value->as_integer() == nullptr) {
    raise(fmt::format("{}: `{}` should be a whole number, not {}", callee_, name, name_type(*value)));
  }
  return *value->as_integer();
}

Arguments ArgumentReader::take_rest() {
  Arguments rest;
  for (; next_ < arguments_.positional.size(); ++next_)
    rest.positional.push_back(arguments_.positional[next_]);
  for (std::size_t i = 0; i < arguments_.keywords.size(); ++i) {
    if (!used_[i]) rest.keywords.push_back(arguments_.keywords[i]);
    used_[i] = true;
  }
  return rest;
}

void ArgumentReader::finish() const {
  if (next_ < arguments_.positional.size()) raise(fmt::format("{} has too many arguments", callee_));
  for (std::size_t i = 0; i < arguments_.keywords.size(); ++i) {
    if (!used_[i]) {
      refuse_template(
          fmt::format("{}: the argument `{}` is not supported", callee_, arguments_.keywords[i].first));
    }
  }
}

}  // namespace lacuna::jinja
