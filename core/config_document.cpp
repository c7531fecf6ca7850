#include "core/config_document.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "core/utf8.h"
#include "core/whole_file.h"

namespace lacuna {
namespace {

constexpr FileLimit kConfigFile = {"a YAML file", 1U << 20U};
constexpr int kMaximumDepth = 32;
constexpr int kMaximumValues = 20'000;

// Enough of a text to recognise it in a message; never half a character.
std::string cut(const std::string& text) {
  constexpr std::size_t kShown = 60;
  if (text.size() <= kShown) return text;
  std::size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

// Where a document stands: what errors name, and what paths are relative to.
struct DocumentSource {
  std::filesystem::path shown;
  bool has_lines = true;
  std::filesystem::path base;
};

SourceLocation locate(const YAML::Mark& mark, const DocumentSource& source, const SourceLocation& fallback) {
  if (!source.has_lines) return {.file = source.shown};
  if (mark.is_null() || mark.line < 0) return fallback;
  return {.file = source.shown, .line = mark.line + 1, .column = mark.column + 1};
}

class TreeBuilder {
 public:
  explicit TreeBuilder(const DocumentSource& source) : source_(source) {}

  ConfigNode build(const YAML::Node& node, const SourceLocation& fallback, int depth) {
    ConfigNode result;
    result.location = locate(node.Mark(), source_, fallback);
    result.base = source_.base;
    if (depth > kMaximumDepth) {
      throw InputError({.problem = "the document is nested too deeply",
                        .why = fmt::format("at most {} levels are read", kMaximumDepth)},
                       result.location);
    }
    if (++values_ > kMaximumValues) {
      throw InputError(
          {.problem = "the document has too many values",
           .why = fmt::format("at most {} are read, aliases counted every time", kMaximumValues)},
          result.location);
    }
    if (node.IsScalar()) {
      result.kind = ConfigNode::Kind::kScalar;
      result.scalar = node.Scalar();
      result.quoted = node.Tag() == "!";
    } else if (node.IsSequence()) {
      result.kind = ConfigNode::Kind::kList;
      for (const YAML::Node& element : node)
        result.children.push_back(build(element, result.location, depth + 1));
    } else if (node.IsMap()) {
      build_map(node, result, depth);
    }
    return result;
  }

 private:
  void build_map(const YAML::Node& node, ConfigNode& result, int depth) {
    result.kind = ConfigNode::Kind::kMap;
    for (const auto& entry : node) {
      const SourceLocation key_location = locate(entry.first.Mark(), source_, result.location);
      if (!entry.first.IsScalar()) {
        throw InputError({.problem = "a key must be a word"}, key_location);
      }
      const std::string& name = entry.first.Scalar();
      if (result.find(name) != nullptr) {
        throw InputError(
            {.problem = fmt::format("key '{}' stands twice", name), .suggestion = "remove one of them"},
            key_location);
      }
      ConfigNode value = build(entry.second, key_location, depth + 1);
      result.keys.push_back({name, key_location});
      result.children.push_back(std::move(value));
    }
  }

  const DocumentSource& source_;
  int values_ = 0;
};

ConfigNode parse_text(const std::string& text, const DocumentSource& source) {
  const SourceLocation whole{.file = source.shown};
  if (!utf8::is_well_formed(text)) {
    throw InputError({.problem = "is not UTF-8 text", .suggestion = "save the text as UTF-8"}, whole);
  }
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty()) return {.location = whole, .base = source.base};
    if (documents.size() > 1) {
      throw InputError(
          {.problem = "holds more than one YAML document", .suggestion = "keep one, without '---' lines"},
          whole);
    }
    return TreeBuilder(source).build(documents.front(), whole, 0);
  } catch (const YAML::Exception& error) {
    throw InputError({.problem = "is not valid YAML", .why = error.msg}, locate(error.mark, source, whole));
  }
}

std::vector<std::string_view> split_key(std::string_view key) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t dot = key.find('.');
    parts.push_back(key.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    key.remove_prefix(dot + 1);
  }
}

ConfigNode& choose_element(ConfigNode& list, std::string_view part, const SourceLocation& argument) {
  std::size_t index = 0;
  const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), index);
  if (failure == std::errc() && end == part.data() + part.size() && index < list.children.size()) {
    return list.children[index];
  }
  std::vector<std::string> names;
  for (ConfigNode& element : list.children) {
    const ConfigNode* name = element.find("name");
    if (name == nullptr) name = element.find("benchmark");  // its name, if it is given no other
    if (name == nullptr || name->kind != ConfigNode::Kind::kScalar) continue;
    if (name->scalar == part) return element;
    names.push_back(name->scalar);
  }
  throw InputError({.problem = fmt::format("the list has no element '{}'", part),
                    .why = fmt::format("it has {} element(s), numbered from 0{}", list.children.size(),
                                       names.empty() ? "" : fmt::format(": {}", fmt::join(names, ", ")))},
                   argument);
}

// The value that one part of a dotted key names, made if it is missing.
ConfigNode& step_into(ConfigNode& node, std::string_view part, const SourceLocation& argument) {
  if (node.kind == ConfigNode::Kind::kList) return choose_element(node, part, argument);
  if (node.kind == ConfigNode::Kind::kScalar) {
    throw InputError({.problem = fmt::format("there is no key '{}' to set", part),
                      .why = fmt::format("the value there is {}", describe_value(node))},
                     argument);
  }
  node.kind = ConfigNode::Kind::kMap;
  if (ConfigNode* const child = node.find(part)) return *child;
  node.keys.push_back({std::string(part), argument});
  node.children.push_back({.location = argument, .base = node.base});
  return node.children.back();
}

}  // namespace

const ConfigNode* ConfigNode::find(std::string_view key) const {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const ConfigKey& k) { return k.name == key; });
  return found == keys.end() ? nullptr : &children[static_cast<std::size_t>(found - keys.begin())];
}

ConfigNode* ConfigNode::find(std::string_view key) {
  return const_cast<ConfigNode*>(static_cast<const ConfigNode*>(this)->find(key));
}

std::string describe_value(const ConfigNode& node) {
  switch (node.kind) {
    case ConfigNode::Kind::kNull:
      return "nothing";
    case ConfigNode::Kind::kScalar:
      return fmt::format("{}'{}'", node.quoted ? "the text " : "", cut(node.scalar));
    case ConfigNode::Kind::kList:
      return node.children.empty() ? "an empty list" : "a list";
    case ConfigNode::Kind::kMap:
      return "a map";
  }
  return "unknown";
}

ConfigNode read_config_document(const std::filesystem::path& file) {
  const SourceLocation whole{.file = file};
  const std::string text = read_whole_file(file, kConfigFile);
  const std::filesystem::path base = std::filesystem::absolute(file).parent_path();
  ConfigNode root = parse_text(text, {.shown = file, .base = base});
  if (root.kind == ConfigNode::Kind::kNull) throw InputError({.problem = "is empty"}, whole);
  return root;
}

void apply_override(ConfigNode& root, std::string_view argument) {
  const SourceLocation location{.file = fmt::format("argument '{}'", argument)};
  const std::size_t equals = argument.find('=');
  const std::string_view key = argument.substr(0, equals);
  const std::vector<std::string_view> parts = split_key(key);
  const bool has_empty_part = std::find(parts.begin(), parts.end(), std::string_view()) != parts.end();
  if (equals == std::string_view::npos || has_empty_part) {
    throw InputError({.problem = "is not of the form key=value",
                      .suggestion = "write for example lac.alphas=[0.2,0.4] or compute.dtype=float32"},
                     location);
  }
  ConfigNode value =
      parse_text(std::string(argument.substr(equals + 1)),
                 {.shown = location.file, .has_lines = false, .base = std::filesystem::current_path()});
  ConfigNode* target = &root;
  for (const std::string_view part : parts) target = &step_into(*target, part, location);
  *target = std::move(value);
}

std::string find_nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return {};
  std::string nearest;
  // Two letters exchanged are a distance of 2; nothing at all in common is no likeness.
  std::size_t nearest_distance = std::min(std::max<std::size_t>(2, word.size() / 3) + 1, word.size());
  for (const std::string& candidate : known) {
    // Levenshtein distance, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t replaced = diagonal + (word[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
      }
    }
    if (row.back() < nearest_distance) {
      nearest_distance = row.back();
      nearest = candidate;
    }
  }
  return nearest;
}

std::string suggest_choices(std::string_view word, const std::vector<std::string>& known) {
  const std::string nearest = find_nearest(word, known);
  const std::string all = fmt::format("use one of {}", fmt::join(known, ", "));
  return nearest.empty() ? all : fmt::format("did you mean '{}'? {}", nearest, all);
}

}  // namespace lacuna
