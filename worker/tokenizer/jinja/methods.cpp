#include "worker/tokenizer/jinja/methods.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "core/utf8.h"
#include "worker/tokenizer/jinja/python_text.h"

namespace lacuna::jinja {
namespace {

constexpr std::array<std::string_view, 4> kDictMethods = {"items", "keys", "values", "get"};
constexpr std::array<std::string_view, 10> kStringMethods = {
    "strip", "lstrip", "rstrip", "split", "startswith", "endswith", "replace", "upper", "lower", "join"};

// What Python has besides: templates that use these must be told so, not be given undefined.
constexpr std::array<std::string_view, 7> kOtherDictMethods = {"clear",   "copy",       "fromkeys", "pop",
                                                               "popitem", "setdefault", "update"};
constexpr std::array<std::string_view, 37> kOtherStringMethods = {
    "capitalize", "casefold",     "center",     "count",     "encode",       "expandtabs",   "find",
    "format",     "format_map",   "index",      "isalnum",   "isalpha",      "isascii",      "isdecimal",
    "isdigit",    "isidentifier", "islower",    "isnumeric", "isprintable",  "isspace",      "istitle",
    "isupper",    "ljust",        "maketrans",  "partition", "removeprefix", "removesuffix", "rfind",
    "rindex",     "rjust",        "rpartition", "rsplit",    "splitlines",   "swapcase",     "title",
    "translate",  "zfill"};
constexpr std::array<std::string_view, 11> kOtherListMethods = {
    "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"};

bool is_among(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_implemented(const Value& value, std::string_view name) {
  if (value.as_dict() != nullptr) return is_among(kDictMethods, name);
  return value.is_string() && is_among(kStringMethods, name);
}

Value call_dict_method(const Dict& dict, const std::string& name, ArgumentReader& reader, Budget& budget) {
  if (name == "get") {
    const Value key = reader.take("key");
    const Value fallback = reader.find("default").value_or(None{});
    const Value* const found = key.is_string() ? dict.find(*key.as_string()) : nullptr;
    return found == nullptr ? fallback : *found;
  }
  std::vector<Value> elements;
  for (const auto& [key, value] : dict.items) {
    budget.spend_bytes(key.size() + sizeof(Value));
    if (name == "keys") {
      elements.emplace_back(key);
    } else if (name == "values") {
      elements.push_back(value);
    } else {
      elements.push_back(make_list({Value(key), value}, budget, true));
    }
  }
  return make_list(std::move(elements), budget);
}

// text.split(separator, limit); limit below 0: all.
std::vector<Value> split_at(std::string_view text, std::string_view separator, std::int64_t limit) {
  std::vector<Value> parts;
  std::size_t from = 0;
  for (std::size_t hit = text.find(separator); hit != std::string_view::npos && limit != 0;
       hit = text.find(separator, from), --limit) {
    parts.emplace_back(std::string(text.substr(from, hit - from)));
    from = hit + separator.size();
  }
  parts.emplace_back(std::string(text.substr(from)));
  return parts;
}

std::vector<Value> split_at_space(std::string_view text, std::int64_t limit) {
  std::vector<Value> parts;
  text = strip(text, std::nullopt, StripSide::kLeft);
  while (!text.empty()) {
    std::size_t end = 0;
    while (end < text.size() && !utf8::is_python_space(utf8::read(text, end).value)) {
      end += utf8::read(text, end).length;
    }
    if (limit-- == 0) {
      end = strip(text, std::nullopt, StripSide::kRight).size();
      parts.emplace_back(std::string(text.substr(0, end)));
      break;
    }
    parts.emplace_back(std::string(text.substr(0, end)));
    text = strip(text.substr(end), std::nullopt, StripSide::kLeft);
  }
  return parts;
}

Value split_text(const std::string& text, ArgumentReader& reader, Budget& budget) {
  const auto separator = reader.find_text("sep");
  const std::int64_t limit = reader.find_integer("maxsplit").value_or(-1);
  if (separator && separator->empty()) raise("empty separator");
  budget.spend_bytes(text.size() * (sizeof(Value) + sizeof(std::string)));  // at most a part a byte
  return make_list(separator ? split_at(text, *separator, limit) : split_at_space(text, limit), budget);
}

bool matches_affix(const std::string& text, const Value& affix, bool at_start) {
  require_defined(affix);
  if (const List* list = affix.as_list(); list != nullptr && list->is_tuple) {
    return std::any_of(list->items.begin(), list->items.end(), [&](const Value& one) {
      return one.is_string() && matches_affix(text, one, at_start);
    });
  }
  if (!affix.is_string()) {
    raise(fmt::format("{} first arg must be str or a tuple of str, not {}",
                      at_start ? "startswith" : "endswith", name_type(affix)));
  }
  return at_start ? text.starts_with(*affix.as_string()) : text.ends_with(*affix.as_string());
}

Value join_text(const std::string& separator, const Value& parts, Budget& budget) {
  std::string joined;
  std::int64_t index = 0;
  for (const Value& part : list_elements(parts, budget)) {
    if (!part.is_string()) {
      raise(fmt::format("sequence item {}: expected str instance, {} found", index, name_type(part)));
    }
    budget.spend_bytes(separator.size() + part.as_string()->size());
    if (index++ > 0) joined += separator;
    joined += *part.as_string();
  }
  return joined;
}

Value call_string_method(const std::string& text, const std::string& name, ArgumentReader& reader,
                         Budget& budget) {
  budget.spend_steps(1 + text.size() / 16);
  if (name == "split") return split_text(text, reader, budget);
  if (name == "startswith" || name == "endswith") {
    return matches_affix(text, reader.take("prefix"), name == "startswith");
  }
  if (name == "join") return join_text(text, reader.take("iterable"), budget);
  if (name == "replace") {
    const std::string pattern = reader.take_text("old");
    const std::string replacement = reader.take_text("new");
    return replace_text(text, pattern, replacement, reader.find_integer("count").value_or(-1), budget);
  }
  budget.spend_bytes(text.size());
  if (name == "upper" || name == "lower") return change_case(text, name == "upper");
  const StripSide side = name == "strip"    ? StripSide::kBoth
                         : name == "lstrip" ? StripSide::kLeft
                                            : StripSide::kRight;
  return std::string(strip(text, reader.find_text("chars"), side));
}

}  // namespace

bool has_method(const Value& value, std::string_view name) {
  if (is_implemented(value, name)) return true;
  if (value.as_dict() != nullptr) return is_among(kOtherDictMethods, name);
  if (value.is_string()) return is_among(kOtherStringMethods, name);
  if (const List* list = value.as_list()) {
    return list->is_tuple ? name == "count" || name == "index" : is_among(kOtherListMethods, name);
  }
  return false;
}

Value bind_method(const Value& receiver, std::string_view name) {
  if (!is_implemented(receiver, name)) {
    refuse_template(fmt::format("the method `{}` of a {} is not supported", name, name_type(receiver)));
  }
  return std::make_shared<const BoundMethod>(BoundMethod{receiver, std::string(name)});
}

Value call_method(const BoundMethod& method, const Arguments& arguments, Budget& budget) {
  ArgumentReader reader(fmt::format("the method `{}`", method.name), arguments);
  const Dict* const dict = method.receiver.as_dict();
  Value result = dict != nullptr
                     ? call_dict_method(*dict, method.name, reader, budget)
                     : call_string_method(*method.receiver.as_string(), method.name, reader, budget);
  reader.finish();
  return result;
}

std::string replace_text(std::string_view text, std::string_view pattern, std::string_view replacement,
                         std::int64_t count, Budget& budget) {
  std::string replaced;
  std::size_t from = 0;
  const auto put = [&](std::string_view piece) {
    budget.spend_bytes(piece.size());
    replaced += piece;
  };
  if (pattern.empty()) {  // before every character and at the end
    for (; count != 0; --count) {
      put(replacement);
      if (from == text.size()) break;
      const std::size_t next = utf8::advance(text, from, 1);
      put(text.substr(from, next - from));
      from = next;
    }
    put(text.substr(from));
    return replaced;
  }
  for (std::size_t hit = text.find(pattern); hit != std::string_view::npos && count != 0;
       hit = text.find(pattern, from), --count) {
    put(text.substr(from, hit - from));
    put(replacement);
    from = hit + pattern.size();
  }
  put(text.substr(from));
  return replaced;
}

std::string change_case(std::string_view text, bool upper) {
  std::string changed(text);
  for (char& byte : changed) {
    if (static_cast<unsigned char>(byte) >= 0x80) {
      refuse_template("changing the case of text beyond ASCII is not supported");
    }
    const bool other_case = upper ? byte >= 'a' && byte <= 'z' : byte >= 'A' && byte <= 'Z';
    if (other_case) byte = static_cast<char>(byte ^ 0x20);
  }
  return changed;
}

}  // namespace lacuna::jinja
