#include "core/config_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

namespace lacuna {
namespace {

constexpr std::int64_t kMaximumCount = 1'000'000'000;
constexpr std::size_t kMaximumNameLength = 64;

template <class Number>
std::optional<Number> parse_number(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::kScalar || node.quoted) return std::nullopt;
  const char* const begin = node.scalar.data();
  const char* const end = begin + node.scalar.size();
  Number value{};
  const auto [stop, failure] = std::from_chars(begin, end, value);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string expand_variables(const ConfigNode& node, const std::string& key, const std::string& text) {
  std::string expanded;
  std::size_t position = 0;
  if (text == "~" || text.starts_with("~/")) {
    const char* const home = std::getenv("HOME");
    if (home == nullptr)
      fail_at(node, {.problem = fmt::format("'{}' begins with '~' but HOME is not set", key)});
    expanded = home;
    position = 1;
  }
  while (true) {
    const std::size_t begin = text.find("${", position);
    expanded += text.substr(position, begin - position);
    if (begin == std::string::npos) return expanded;
    const std::size_t end = text.find('}', begin);
    if (end == std::string::npos) fail_at(node, {.problem = fmt::format("'{}' has '${{' without '}}'", key)});
    const std::string variable = text.substr(begin + 2, end - begin - 2);
    const char* const value = std::getenv(variable.c_str());
    if (value == nullptr) {
      fail_at(node, {.problem = fmt::format("'{}' uses ${{{}}}, which is not set", key, variable),
                     .suggestion = fmt::format("export {}=... or write the path out", variable)});
    }
    expanded += value;
    position = end + 1;
  }
}

}  // namespace

void fail_at(const ConfigNode& node, ErrorText text) {
  throw InputError(std::move(text), node.location);
}

void fail_type(const ConfigNode& node, const std::string& key, const std::string& expected) {
  fail_at(node, {.problem = fmt::format("'{}' must be {}", key, expected),
                 .why = fmt::format("it is {}", describe_value(node))});
}

ConfigSection::ConfigSection(const ConfigNode& node, std::string path, const std::vector<std::string>& known)
    : node_(node), path_(std::move(path)) {
  if (node.kind != ConfigNode::Kind::kMap) {
    fail_at(
        node,
        {.problem = path_.empty() ? "the file must hold a map" : fmt::format("'{}' must be a map", path_),
         .why = fmt::format("it is {}", describe_value(node)),
         .suggestion = fmt::format("write 'key: value' lines with keys from {}", fmt::join(known, ", "))});
  }
  for (const ConfigKey& key : node.keys) {
    if (std::find(known.begin(), known.end(), key.name) != known.end()) continue;
    throw InputError({.problem = fmt::format("unknown key '{}'", full_key(key.name)),
                      .suggestion = suggest_choices(key.name, known)},
                     key.location);
  }
}

std::string ConfigSection::full_key(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const ConfigNode& ConfigSection::require(std::string_view key, std::string_view example) const {
  const ConfigNode* const found = node_.find(key);
  if (found == nullptr) {
    fail_at(node_, {.problem = fmt::format("'{}' is missing", full_key(key)),
                    .suggestion = fmt::format("add it, for example {}", example)});
  }
  return *found;
}

std::string to_text(const ConfigNode& node, const std::string& key) {
  if (node.kind != ConfigNode::Kind::kScalar || node.scalar.empty()) fail_type(node, key, "a text");
  if (node.scalar.find('\0') != std::string::npos)
    fail_at(node, {.problem = fmt::format("'{}' holds a zero byte", key)});
  return node.scalar;
}

std::int64_t to_integer(const ConfigNode& node, const std::string& key, std::int64_t least) {
  const auto value = parse_number<std::int64_t>(node);
  const std::string expected = fmt::format("a whole number from {} to {}", least, kMaximumCount);
  if (!value || *value < least || *value > kMaximumCount) fail_type(node, key, expected);
  return *value;
}

std::uint64_t to_unsigned(const ConfigNode& node, const std::string& key) {
  const auto value = parse_number<std::uint64_t>(node);
  if (!value) {
    fail_type(node, key,
              fmt::format("a whole number from 0 to {}", std::numeric_limits<std::uint64_t>::max()));
  }
  return *value;
}

double to_number(const ConfigNode& node, const std::string& key, const std::string& expected) {
  const auto value = parse_number<double>(node);
  if (!value || !std::isfinite(*value)) fail_type(node, key, expected);
  return *value;
}

bool to_boolean(const ConfigNode& node, const std::string& key) {
  const bool plain = node.kind == ConfigNode::Kind::kScalar && !node.quoted;
  if (!plain || (node.scalar != "true" && node.scalar != "false")) fail_type(node, key, "true or false");
  return node.scalar == "true";
}

std::string to_choice(const ConfigNode& node, const std::string& key,
                      const std::vector<std::string>& choices) {
  if (node.kind != ConfigNode::Kind::kScalar) {
    fail_type(node, key, fmt::format("one of {}", fmt::join(choices, ", ")));
  }
  if (std::find(choices.begin(), choices.end(), node.scalar) == choices.end()) {
    fail_at(node, {.problem = fmt::format("'{}' cannot be '{}'", key, node.scalar),
                   .suggestion = suggest_choices(node.scalar, choices)});
  }
  return node.scalar;
}

std::string to_name(const ConfigNode& node, const std::string& key) {
  std::string name = to_text(node, key);
  const bool safe = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!safe || name.front() == '.' || name.front() == '-' || name.size() > kMaximumNameLength) {
    fail_at(node, {.problem = fmt::format("'{}' cannot be '{}'", key, name),
                   .why = fmt::format(
                       "it stands in file names: at most {} letters, digits, '.', '_' and '-', the first "
                       "a letter, a digit or '_'",
                       kMaximumNameLength)});
  }
  return name;
}

const std::vector<ConfigNode>& to_list(const ConfigNode& node, std::string_view key,
                                       std::string_view expected) {
  if (node.kind != ConfigNode::Kind::kList || node.children.empty()) {
    fail_type(node, std::string(key), std::string(expected));
  }
  return node.children;
}

std::filesystem::path to_path(const ConfigNode& node, const std::string& key,
                              const std::filesystem::path& base) {
  return (base / expand_variables(node, key, to_text(node, key))).lexically_normal();
}

}  // namespace lacuna
