// The values of a template: Python's, as far as messages and templates have them.
//
// Values are cheap to copy (strings, lists and dicts are shared and never change); only a namespace can be
// written to, and nothing can hold one, so there are no cycles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "worker/tokenizer/jinja/budget.h"

namespace lacuna::jinja {

class Value;

// Lists in lists, dicts in dicts: at most this many levels, so that recursion over a value is safe.
constexpr std::size_t kMaxValueDepth = 250;

// jinja2.Undefined: what a missing name or field gives. It prints as nothing and is false; doing more with it
// raises `message`.
struct Undefined {
  std::shared_ptr<const std::string> message;
};
struct None {
  friend bool operator==(None, None) = default;
};

struct List;
struct Dict;
struct Namespace;
struct LoopState;
struct BoundMethod;

// A global function, by name.
struct Function {
  std::string_view name;  // of a string literal
};

class Value {
 public:
  Value() : data_(None{}) {}
  Value(None) : data_(None{}) {}                               // NOLINT(google-explicit-constructor)
  Value(Undefined undefined) : data_(std::move(undefined)) {}  // NOLINT(google-explicit-constructor)
  Value(bool value) : data_(value) {}                          // NOLINT(google-explicit-constructor)
  Value(std::int64_t value) : data_(value) {}                  // NOLINT(google-explicit-constructor)
  Value(double value) : data_(value) {}                        // NOLINT(google-explicit-constructor)
  Value(std::string text)                                      // NOLINT(google-explicit-constructor)
      : data_(std::make_shared<const std::string>(std::move(text))) {}
  Value(const char*) = delete;
  Value(std::shared_ptr<const List> list) : data_(std::move(list)) {}   // NOLINT(google-explicit-constructor)
  Value(std::shared_ptr<const Dict> dict) : data_(std::move(dict)) {}   // NOLINT(google-explicit-constructor)
  Value(std::shared_ptr<Namespace> space) : data_(std::move(space)) {}  // NOLINT(google-explicit-constructor)
  Value(std::shared_ptr<const LoopState> loop)
      : data_(std::move(loop)) {}  // NOLINT(google-explicit-constructor)
  Value(std::shared_ptr<const BoundMethod> method)
      : data_(std::move(method)) {}              // NOLINT(google-explicit-constructor)
  Value(Function function) : data_(function) {}  // NOLINT(google-explicit-constructor)

  static Value undefined(std::string message);

  // Null where the value is of another kind.
  [[nodiscard]] const Undefined* as_undefined() const { return std::get_if<Undefined>(&data_); }
  [[nodiscard]] const bool* as_boolean() const { return std::get_if<bool>(&data_); }
  [[nodiscard]] const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&data_); }
  [[nodiscard]] const double* as_float() const { return std::get_if<double>(&data_); }
  [[nodiscard]] const std::string* as_string() const { return get<const std::string>(); }
  [[nodiscard]] const List* as_list() const { return get<const List>(); }
  [[nodiscard]] const Dict* as_dict() const { return get<const Dict>(); }
  [[nodiscard]] Namespace* as_namespace() const { return get<Namespace>(); }
  [[nodiscard]] const LoopState* as_loop() const { return get<const LoopState>(); }
  [[nodiscard]] const BoundMethod* as_method() const { return get<const BoundMethod>(); }
  [[nodiscard]] const Function* as_function() const { return std::get_if<Function>(&data_); }
  [[nodiscard]] bool is_undefined() const { return as_undefined() != nullptr; }
  [[nodiscard]] bool is_none() const { return std::holds_alternative<None>(data_); }
  [[nodiscard]] bool is_string() const { return as_string() != nullptr; }

  // Levels of lists and dicts, 0 for anything else.
  [[nodiscard]] std::size_t depth() const;

 private:
  template <class T>
  [[nodiscard]] T* get() const {
    const auto* const pointer = std::get_if<std::shared_ptr<T>>(&data_);
    return pointer == nullptr ? nullptr : pointer->get();
  }

  std::variant<None, Undefined, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const List>, std::shared_ptr<const Dict>, std::shared_ptr<Namespace>,
               std::shared_ptr<const LoopState>, std::shared_ptr<const BoundMethod>, Function>
      data_;
};

struct List {
  std::vector<Value> items;
  bool is_tuple = false;
  std::size_t depth = 1;
};

struct Dict {
  std::vector<std::pair<std::string, Value>> items;  // in order of insertion
  std::unordered_map<std::string, std::size_t> places;
  std::size_t depth = 1;

  [[nodiscard]] const Value* find(const std::string& key) const {
    const auto found = places.find(key);
    return found == places.end() ? nullptr : &items[found->second].second;
  }
};

struct Namespace {
  std::map<std::string, Value> fields;
};

// `loop` in the body of a for.
struct LoopState {
  std::int64_t index0 = 0;
  std::int64_t length = 0;
  Value previous;  // undefined at the first
  Value next;      // undefined at the last
};

// A method that was looked up but not yet called: "items" of a dict.
struct BoundMethod {
  Value receiver;
  std::string name;
};

// Refuse values that may not be stored (namespaces) and nesting beyond kMaxValueDepth.
Value make_list(std::vector<Value> items, Budget& budget, bool is_tuple = false);
Value make_dict(std::vector<std::pair<std::string, Value>>&& items, Budget& budget);

// A JSON value as Python's json.loads has it. Strings that are not UTF-8 are repaired.
Value from_json(const nlohmann::ordered_json& json, Budget& budget);

// Python's name of the type ("str", "NoneType", ...), as its error messages have it.
std::string_view name_type(const Value& value);

// bool(value).
bool is_true(const Value& value);

// left == right. Costs a step a node.
bool are_equal(const Value& left, const Value& right, Budget& budget);

// If it is undefined, raises what Jinja2 says then.
void require_defined(const Value& value);

// The elements that iterating gives: items, keys, code points; nothing for undefined. Raises for the rest.
std::vector<Value> list_elements(const Value& value, Budget& budget);

// The value as a number, as Python counts: true and false are 1 and 0. Nothing for other kinds; read_integer
// leaves out floats.
std::optional<double> read_number(const Value& value);
std::optional<std::int64_t> read_integer(const Value& value);

}  // namespace lacuna::jinja
