// Typed values out of a ConfigNode. Every function throws InputError at the value's place; `key` is the
// dotted key that the message names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/config_document.h"

namespace lacuna {

[[noreturn]] void fail_at(const ConfigNode& node, ErrorText text);
// "'KEY' must be EXPECTED: it is ..."
[[noreturn]] void fail_type(const ConfigNode& node, const std::string& key, const std::string& expected);

// A map with the keys that it may have. Refers to the node, which must outlive it.
class ConfigSection {
 public:
  // `path`: the map's own dotted key, empty for the root. Throws if it is no map or has another key.
  ConfigSection(const ConfigNode& node, std::string path, const std::vector<std::string>& known);

  [[nodiscard]] std::string full_key(std::string_view key) const;
  // The value of a key, or null.
  [[nodiscard]] const ConfigNode* find(std::string_view key) const { return node_.find(key); }
  // The value of a key that must be there; `example` shows how to write it.
  [[nodiscard]] const ConfigNode& require(std::string_view key, std::string_view example) const;

 private:
  const ConfigNode& node_;
  std::string path_;
};

// A text that is not empty.
std::string to_text(const ConfigNode& node, const std::string& key);
// A whole number from `least` to 1,000,000,000.
std::int64_t to_integer(const ConfigNode& node, const std::string& key, std::int64_t least);
// Any whole number of 64 bits that is not negative.
std::uint64_t to_unsigned(const ConfigNode& node, const std::string& key);
// A finite number; `expected` describes the range, which the caller checks.
double to_number(const ConfigNode& node, const std::string& key, const std::string& expected);
// true or false, written so.
bool to_boolean(const ConfigNode& node, const std::string& key);
std::string to_choice(const ConfigNode& node, const std::string& key,
                      const std::vector<std::string>& choices);
// Names stand in file names and tables: at most 64 letters, digits, '.', '_' and '-', no leading '.' or '-'.
std::string to_name(const ConfigNode& node, const std::string& key);
// A list that is not empty.
const std::vector<ConfigNode>& to_list(const ConfigNode& node, std::string_view key,
                                       std::string_view expected);
// `~/` and `${VARIABLE}` expanded, relative to `base`, without "." and "..". Need not exist.
std::filesystem::path to_path(const ConfigNode& node, const std::string& key,
                              const std::filesystem::path& base);

}  // namespace lacuna
