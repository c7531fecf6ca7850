#include "worker/tokenizer/jinja/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "core/utf8.h"

namespace lacuna::jinja {
namespace {

std::size_t nest(std::size_t deepest_element) {
  if (deepest_element >= kMaxValueDepth) {
    throw Failure(Failure::Kind::kLimit,
                  fmt::format("values are nested more than {} levels deep", kMaxValueDepth));
  }
  return deepest_element + 1;
}

void check_storable(const Value& value) {
  if (value.as_namespace() != nullptr) refuse_template("a namespace within another value is not supported");
}

bool are_equal_lists(const List& left, const List& right, Budget& budget) {
  return left.is_tuple == right.is_tuple &&
         std::equal(left.items.begin(), left.items.end(), right.items.begin(), right.items.end(),
                    [&budget](const Value& a, const Value& b) { return are_equal(a, b, budget); });
}

bool are_equal_dicts(const Dict& left, const Dict& right, Budget& budget) {
  if (left.items.size() != right.items.size()) return false;
  return std::all_of(left.items.begin(), left.items.end(), [&](const auto& item) {
    const Value* const other = right.find(item.first);
    return other != nullptr && are_equal(item.second, *other, budget);
  });
}

}  // namespace

std::optional<double> read_number(const Value& value) {
  if (const bool* boolean = value.as_boolean()) return *boolean ? 1.0 : 0.0;
  if (const std::int64_t* integer = value.as_integer()) return static_cast<double>(*integer);
  if (const double* number = value.as_float()) return *number;
  return std::nullopt;
}

std::optional<std::int64_t> read_integer(const Value& value) {
  if (const bool* boolean = value.as_boolean()) return *boolean ? 1 : 0;
  if (const std::int64_t* integer = value.as_integer()) return *integer;
  return std::nullopt;
}

Value Value::undefined(std::string message) {
  return Undefined{std::make_shared<const std::string>(std::move(message))};
}

std::size_t Value::depth() const {
  if (const List* list = as_list()) return list->depth;
  if (const Dict* dict = as_dict()) return dict->depth;
  if (const BoundMethod* method = as_method()) return method->receiver.depth();
  if (const LoopState* loop = as_loop()) return std::max(loop->previous.depth(), loop->next.depth());
  return 0;
}

Value make_list(std::vector<Value> items, Budget& budget, bool is_tuple) {
  budget.spend_bytes((items.size() + 1) * sizeof(Value));
  std::size_t deepest = 0;
  for (const Value& item : items) {
    check_storable(item);
    deepest = std::max(deepest, item.depth());
  }
  return std::make_shared<const List>(List{std::move(items), is_tuple, nest(deepest)});
}

Value make_dict(std::vector<std::pair<std::string, Value>>&& items, Budget& budget) {
  Dict dict;
  std::size_t deepest = 0;
  for (auto& [key, value] : items) {
    budget.spend_bytes(2 * key.size() + 4 * sizeof(Value));
    check_storable(value);
    deepest = std::max(deepest, value.depth());
    const auto [place, is_new] = dict.places.emplace(key, dict.items.size());
    if (is_new) {
      dict.items.emplace_back(std::move(key), std::move(value));
    } else {
      dict.items[place->second].second = std::move(value);  // the later one, in the place of the first
    }
  }
  dict.depth = nest(deepest);
  return std::make_shared<const Dict>(std::move(dict));
}

namespace {

Value convert_json(const nlohmann::ordered_json& json, Budget& budget, std::size_t level) {
  budget.spend_steps(1);
  static_cast<void>(nest(level));
  switch (json.type()) {
    case nlohmann::ordered_json::value_t::null:
      return None{};
    case nlohmann::ordered_json::value_t::boolean:
      return json.get<bool>();
    case nlohmann::ordered_json::value_t::number_integer:
      return json.get<std::int64_t>();
    case nlohmann::ordered_json::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        throw Failure(Failure::Kind::kLimit, "whole numbers beyond 64 bits are not supported");
      }
      return json.get<std::int64_t>();
    case nlohmann::ordered_json::value_t::number_float:
      return json.get<double>();
    case nlohmann::ordered_json::value_t::string:
      budget.spend_bytes(json.get_ref<const std::string&>().size());
      return utf8::repair(json.get_ref<const std::string&>());
    case nlohmann::ordered_json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(convert_json(item, budget, level + 1));
      return make_list(std::move(items), budget);
    }
    case nlohmann::ordered_json::value_t::object: {
      std::vector<std::pair<std::string, Value>> items;
      for (const auto& [key, value] : json.items()) {
        items.emplace_back(utf8::repair(key), convert_json(value, budget, level + 1));
      }
      return make_dict(std::move(items), budget);
    }
    default:
      throw Failure(Failure::Kind::kLimit, "binary JSON values are not supported");
  }
}

}  // namespace

Value from_json(const nlohmann::ordered_json& json, Budget& budget) {
  return convert_json(json, budget, 0);
}

std::string_view name_type(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.as_boolean() != nullptr) return "bool";
  if (value.as_integer() != nullptr) return "int";
  if (value.as_float() != nullptr) return "float";
  if (value.is_string()) return "str";
  if (const List* list = value.as_list()) return list->is_tuple ? "tuple" : "list";
  if (value.as_dict() != nullptr) return "dict";
  if (value.as_namespace() != nullptr) return "Namespace";
  if (value.as_loop() != nullptr) return "LoopContext";
  return value.as_method() != nullptr ? "builtin_function_or_method" : "function";
}

bool is_true(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const auto number = read_number(value)) return *number != 0.0;
  if (const std::string* text = value.as_string()) return !text->empty();
  if (const List* list = value.as_list()) return !list->items.empty();
  if (const Dict* dict = value.as_dict()) return !dict->items.empty();
  return true;
}

bool are_equal(const Value& left, const Value& right, Budget& budget) {
  budget.spend_steps(1);
  const auto left_integer = read_integer(left);
  const auto right_integer = read_integer(right);
  if (left_integer && right_integer) return *left_integer == *right_integer;
  const auto left_number = read_number(left);
  const auto right_number = read_number(right);
  if (left_number && right_number) return *left_number == *right_number;
  if (left.is_string() && right.is_string()) {
    budget.spend_steps(left.as_string()->size() / 64);
    return *left.as_string() == *right.as_string();
  }
  if (left.is_none() || left.is_undefined()) {
    return left.is_none() ? right.is_none() : right.is_undefined();
  }
  if (left.as_list() != nullptr && right.as_list() != nullptr) {
    return are_equal_lists(*left.as_list(), *right.as_list(), budget);
  }
  if (left.as_dict() != nullptr && right.as_dict() != nullptr) {
    return are_equal_dicts(*left.as_dict(), *right.as_dict(), budget);
  }
  return left.as_namespace() != nullptr && left.as_namespace() == right.as_namespace();
}

void require_defined(const Value& value) {
  if (const Undefined* undefined = value.as_undefined()) raise(*undefined->message);
}

std::vector<Value> list_elements(const Value& value, Budget& budget) {
  std::vector<Value> elements;
  if (value.is_undefined()) return elements;
  if (const List* list = value.as_list()) {
    budget.spend_bytes(list->items.size() * sizeof(Value));
    return list->items;
  }
  if (const Dict* dict = value.as_dict()) {
    for (const auto& [key, unused] : dict->items) {
      budget.spend_bytes(key.size() + sizeof(Value));
      elements.emplace_back(key);
    }
    return elements;
  }
  if (const std::string* text = value.as_string()) {
    for (std::size_t at = 0; at < text->size();) {
      budget.spend_bytes(sizeof(Value) + sizeof(std::string));
      const std::size_t end = utf8::advance(*text, at, 1);
      elements.emplace_back(text->substr(at, end - at));
      at = end;
    }
    return elements;
  }
  raise(fmt::format("'{}' object is not iterable", name_type(value)));
}

}  // namespace lacuna::jinja
