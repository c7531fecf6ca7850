#include "worker/tokenizer/jinja/operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include "core/utf8.h"
#include "worker/tokenizer/jinja/methods.h"
#include "worker/tokenizer/jinja/python_text.h"

namespace lacuna::jinja {
namespace {

// jinja2.utils.object_type_repr.
std::string describe_object(const Value& value) {
  if (value.is_none()) return "None";
  return fmt::format("{} object", name_type(value));
}

Value missing_attribute(const Value& base, std::string_view name) {
  return Value::undefined(fmt::format("'{}' has no attribute '{}'", describe_object(base), name));
}

Value missing_element(const Value& base, const Value& key, Budget& budget) {
  if (key.is_string()) return missing_attribute(base, *key.as_string());
  return Value::undefined(fmt::format("{} has no element {}", describe_object(base), to_repr(key, budget)));
}

std::optional<Value> find_loop_field(const LoopState& loop, std::string_view name) {
  if (name == "index") return Value(loop.index0 + 1);
  if (name == "index0") return Value(loop.index0);
  if (name == "revindex") return Value(loop.length - loop.index0);
  if (name == "revindex0") return Value(loop.length - loop.index0 - 1);
  if (name == "first") return Value(loop.index0 == 0);
  if (name == "last") return Value(loop.index0 + 1 == loop.length);
  if (name == "length") return Value(loop.length);
  if (name == "previtem") return loop.previous;
  if (name == "nextitem") return loop.next;
  for (const std::string_view unsupported : {"depth", "depth0", "cycle", "changed"}) {
    if (name == unsupported) refuse_template(fmt::format("`loop.{}` is not supported", name));
  }
  return std::nullopt;
}

// An element by key: nothing where Python raises a KeyError, IndexError or TypeError.
std::optional<Value> find_element(const Value& base, const Value& key, Budget& budget) {
  if (const Dict* dict = base.as_dict()) {
    if (!key.is_string()) return std::nullopt;
    const Value* const found = dict->find(*key.as_string());
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  const std::int64_t truth = key.as_boolean() != nullptr && *key.as_boolean() ? 1 : 0;
  const std::int64_t* const integer = key.as_boolean() != nullptr ? &truth : key.as_integer();
  if (integer == nullptr || (base.as_list() == nullptr && !base.is_string())) return std::nullopt;
  const std::int64_t length = measure_length(base, budget);
  const std::int64_t index = *integer < 0 ? *integer + length : *integer;
  if (index < 0 || index >= length) return std::nullopt;
  if (const List* list = base.as_list()) return list->items[static_cast<std::size_t>(index)];
  return take_slice(base, {index, index + 1, std::nullopt}, budget);
}

[[noreturn]] void refuse_operands(std::string_view operation, const Value& left, const Value& right) {
  require_defined(left);
  require_defined(right);
  raise(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", operation, name_type(left),
                    name_type(right)));
}

std::int64_t compute_integer(std::string_view operation, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  bool overflow = false;
  if (operation == "+") {
    overflow = __builtin_add_overflow(left, right, &result);
  } else if (operation == "-") {
    overflow = __builtin_sub_overflow(left, right, &result);
  } else if (operation == "*") {
    overflow = __builtin_mul_overflow(left, right, &result);
  } else {
    if (right == 0) raise(operation == "%" ? "integer modulo by zero" : "integer division or modulo by zero");
    // Python rounds towards minus infinity; the remainder has the sign of the divisor.
    overflow = right == -1 && left == std::numeric_limits<std::int64_t>::min();
    if (!overflow) {
      const std::int64_t remainder = left % right;
      const bool adjust = remainder != 0 && (remainder < 0) != (right < 0);
      result = operation == "%" ? (adjust ? remainder + right : remainder) : left / right - (adjust ? 1 : 0);
    }
  }
  if (overflow) throw Failure(Failure::Kind::kLimit, "whole numbers beyond 64 bits are not supported");
  return result;
}

double compute_float(std::string_view operation, double left, double right) {
  if (operation == "+") return left + right;
  if (operation == "-") return left - right;
  if (operation == "*") return left * right;
  if (right == 0.0) raise(operation == "%" ? "float modulo by zero" : "division by zero");
  if (operation == "/") return left / right;
  double remainder = std::fmod(left, right);
  if (remainder != 0.0 && (remainder < 0.0) != (right < 0.0)) remainder += right;
  return operation == "%" ? remainder : std::floor((left - remainder) / right + 0.5);
}

Value repeat(const Value& value, std::int64_t times, Budget& budget) {
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(times, 0));
  const std::size_t size =
      value.is_string() ? value.as_string()->size() : value.as_list()->items.size() * sizeof(Value);
  if (size != 0 && count > Budget::kMaxBytes / size) budget.spend_bytes(Budget::kMaxBytes + 1);
  budget.spend_bytes(size * count);
  if (size == 0 || count == 0)
    return value.is_string() ? Value(std::string()) : make_list({}, budget, value.as_list()->is_tuple);
  if (const std::string* text = value.as_string()) {
    std::string repeated;
    for (std::size_t i = 0; i < count; ++i) repeated += *text;
    return repeated;
  }
  std::vector<Value> items;
  for (std::size_t i = 0; i < count; ++i) {
    items.insert(items.end(), value.as_list()->items.begin(), value.as_list()->items.end());
  }
  return make_list(std::move(items), budget, value.as_list()->is_tuple);
}

Value add(const Value& left, const Value& right, Budget& budget) {
  if (left.is_string()) {
    require_defined(right);
    if (!right.is_string()) {
      raise(fmt::format("can only concatenate str (not \"{}\") to str", name_type(right)));
    }
    budget.spend_bytes(left.as_string()->size() + right.as_string()->size());
    return *left.as_string() + *right.as_string();
  }
  if (const List* list = left.as_list()) {
    require_defined(right);
    if (right.as_list() == nullptr || right.as_list()->is_tuple != list->is_tuple) {
      raise(fmt::format("can only concatenate {0} (not \"{1}\") to {0}", name_type(left), name_type(right)));
    }
    budget.spend_bytes((list->items.size() + right.as_list()->items.size()) * sizeof(Value));
    std::vector<Value> items = list->items;
    items.insert(items.end(), right.as_list()->items.begin(), right.as_list()->items.end());
    return make_list(std::move(items), budget, list->is_tuple);
  }
  refuse_operands("+", left, right);
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  if (const std::string* text = container.as_string()) {
    require_defined(item);
    if (!item.is_string()) {
      raise(fmt::format("'in <string>' requires string as left operand, not {}", name_type(item)));
    }
    budget.spend_steps(1 + text->size() / 16);
    return text->find(*item.as_string()) != std::string::npos;
  }
  if (const List* list = container.as_list()) {
    return std::any_of(list->items.begin(), list->items.end(),
                       [&](const Value& other) { return are_equal(other, item, budget); });
  }
  if (const Dict* dict = container.as_dict())
    return item.is_string() && dict->find(*item.as_string()) != nullptr;
  if (container.is_undefined()) return false;
  raise(fmt::format("argument of type '{}' is not iterable", name_type(container)));
}

// Negative, zero or positive; raises where Python has no order.
int order(std::string_view operation, const Value& left, const Value& right, Budget& budget) {
  const auto sign = [](const auto& a, const auto& b) { return a < b ? -1 : (b < a ? 1 : 0); };
  if (read_integer(left) && read_integer(right)) return sign(*read_integer(left), *read_integer(right));
  if (read_number(left) && read_number(right)) return sign(*read_number(left), *read_number(right));
  if (left.is_string() && right.is_string()) {
    budget.spend_steps(1 + left.as_string()->size() / 64);
    return sign(*left.as_string(), *right.as_string());  // byte order is code point order
  }
  require_defined(left);
  require_defined(right);
  if (left.as_list() != nullptr && right.as_list() != nullptr) {
    refuse_template("ordering lists is not supported");
  }
  raise(fmt::format("'{}' not supported between instances of '{}' and '{}'", operation, name_type(left),
                    name_type(right)));
}

}  // namespace

Value get_attribute(const Value& base, std::string_view name, Budget& budget) {
  require_defined(base);
  if (const LoopState* loop = base.as_loop()) {
    return find_loop_field(*loop, name).value_or(missing_attribute(base, name));
  }
  if (const Namespace* space = base.as_namespace()) {
    const auto found = space->fields.find(std::string(name));
    return found == space->fields.end() ? missing_attribute(base, name) : found->second;
  }
  if (has_method(base, name)) return bind_method(base, name);
  if (base.as_dict() != nullptr) {
    if (const auto found = find_element(base, std::string(name), budget)) return *found;
  }
  return missing_attribute(base, name);
}

Value get_item(const Value& base, const Value& key, Budget& budget) {
  require_defined(base);
  if (key.is_undefined()) return missing_element(base, key, budget);
  if (const auto found = find_element(base, key, budget)) return *found;
  if (key.is_string()) return get_attribute(base, *key.as_string(), budget);
  return missing_element(base, key, budget);
}

Value apply_arithmetic(std::string_view operation, const Value& left, const Value& right, Budget& budget) {
  if (operation != "/" && read_integer(left) && read_integer(right)) {
    return compute_integer(operation, *read_integer(left), *read_integer(right));
  }
  if (read_number(left) && read_number(right)) {
    return compute_float(operation, *read_number(left), *read_number(right));
  }
  if (operation == "+") return add(left, right, budget);
  const auto is_sequence = [](const Value& value) { return value.is_string() || value.as_list() != nullptr; };
  if (operation == "*" && is_sequence(left) && read_integer(right))
    return repeat(left, *read_integer(right), budget);
  if (operation == "*" && is_sequence(right) && read_integer(left))
    return repeat(right, *read_integer(left), budget);
  if (operation == "%" && left.is_string()) refuse_template("formatting with % is not supported");
  refuse_operands(operation, left, right);
}

Value negate(const Value& value) {
  require_defined(value);
  if (const auto integer = read_integer(value)) return compute_integer("-", 0, *integer);
  if (const double* number = value.as_float()) return -*number;
  raise(fmt::format("bad operand type for unary -: '{}'", name_type(value)));
}

bool compare(std::string_view operation, const Value& left, const Value& right, Budget& budget) {
  if (operation == "==") return are_equal(left, right, budget);
  if (operation == "!=") return !are_equal(left, right, budget);
  if (operation == "in") return contains(right, left, budget);
  if (operation == "not in") return !contains(right, left, budget);
  const int sign = order(operation, left, right, budget);
  if (operation == "<") return sign < 0;
  if (operation == "<=") return sign <= 0;
  return operation == ">" ? sign > 0 : sign >= 0;
}

std::int64_t measure_length(const Value& value, Budget& budget) {
  if (value.is_undefined()) return 0;
  if (const List* list = value.as_list()) return static_cast<std::int64_t>(list->items.size());
  if (const Dict* dict = value.as_dict()) return static_cast<std::int64_t>(dict->items.size());
  if (const std::string* text = value.as_string()) {
    budget.spend_steps(1 + text->size() / 64);
    return static_cast<std::int64_t>(utf8::count(*text));
  }
  raise(fmt::format("object of type '{}' has no len()", name_type(value)));
}

}  // namespace lacuna::jinja
