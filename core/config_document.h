// A YAML document as a plain tree in which every value knows where it came from, and command-line overrides
// can be put in. Limits on size, depth and number of values make any file safe to read.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace lacuna {

struct ConfigKey {
  std::string name;
  SourceLocation location;
};

struct ConfigNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string scalar = {};                // kScalar: its text
  bool quoted = false;                    // kScalar: written in quotes, so it is never a number or a boolean
  std::vector<ConfigNode> children = {};  // kList: the elements; kMap: the values
  std::vector<ConfigKey> keys = {};       // kMap: as many as children, no name twice
  SourceLocation location = {};           // for an override `file` is "argument 'key=value'" and line 0
  std::filesystem::path base = {};        // absolute folder that relative paths in this value are relative to

  // The value of a key of a map, or null.
  [[nodiscard]] const ConfigNode* find(std::string_view key) const;
  ConfigNode* find(std::string_view key);
};

// "a list", "a map", "'abc'", "the text 'abc'" where it stands in quotes (long ones cut), "nothing": for
// messages.
std::string describe_value(const ConfigNode& node);

// Reads a YAML file of one document. Throws InputError (with file:line:column) if it is missing, empty, over
// 1 MiB, not UTF-8, not YAML, has a key twice in a map, is nested deeper than 32 levels or has over 20,000
// values after the expansion of aliases.
ConfigNode read_config_document(const std::filesystem::path& file);

// Puts the value of "dotted.key=value" into the tree. Missing keys are made, elements of lists are named by
// position from 0 or, for maps, by the value of their `name` (or else
// `benchmark`). The value is YAML. Throws InputError that names
// the argument.
void apply_override(ConfigNode& root, std::string_view argument);

// The element of `known` that `word` was most likely meant to be; empty if none is near.
std::string find_nearest(std::string_view word, const std::vector<std::string>& known);

// "use one of a, b, c", with "did you mean 'b'?" in front where one is near.
std::string suggest_choices(std::string_view word, const std::vector<std::string>& known);

}  // namespace lacuna
