#include "worker/tokenizer/component.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace lacuna {

void Component::refuse(const std::string& why) const {
  throw InputError({fmt::format("cannot use this tokenizer: `{}`", path_), why}, SourceLocation{*origin_});
}

std::string Component::type() const {
  return field("type").text();
}

void Component::allow_only(std::initializer_list<std::string_view> names) const {
  if (!value_->is_object()) refuse("it should be an object");
  for (const auto& [name, unused] : value_->items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      refuse(fmt::format("the field `{}` is not supported", name));
    }
  }
}

Component Component::field(std::string_view name) const {
  if (!value_->is_object()) refuse("it should be an object");
  const auto found = value_->find(name);
  if (found == value_->end()) refuse(fmt::format("the field `{}` is missing", name));
  return {*found, path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name), *origin_};
}

std::optional<Component> Component::find(std::string_view name) const {
  if (!value_->is_object()) refuse("it should be an object");
  const auto found = value_->find(name);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return field(name);
}

std::vector<Component> Component::elements(std::size_t limit) const {
  if (!value_->is_array()) refuse("it should be a list");
  if (value_->size() > limit) refuse(fmt::format("it has more than {} elements", limit));
  std::vector<Component> parts;
  parts.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) {
    parts.emplace_back((*value_)[i], fmt::format("{}[{}]", path_, i), *origin_);
  }
  return parts;
}

const std::string& Component::text() const {
  if (!value_->is_string()) refuse("it should be a string");
  return value_->get_ref<const std::string&>();
}

bool Component::boolean() const {
  if (!value_->is_boolean()) refuse("it should be true or false");
  return value_->get<bool>();
}

std::size_t Component::whole_number(std::size_t max) const {
  if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() > max) {
    refuse(fmt::format("it should be a whole number from 0 to {}", max));
  }
  return static_cast<std::size_t>(value_->get<std::uint64_t>());
}

bool Component::boolean_or(std::string_view name, bool fallback) const {
  const auto found = find(name);
  return found ? found->boolean() : fallback;
}

}  // namespace lacuna
