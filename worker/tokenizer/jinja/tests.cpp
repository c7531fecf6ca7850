#include <fmt/format.h>

#include <map>

#include "worker/tokenizer/jinja/filters.h"
#include "worker/tokenizer/jinja/operations.h"

namespace lacuna::jinja {
namespace {

using Test = bool (*)(const Value& value, ArgumentReader& arguments, Budget& budget);

bool is_number(const Value& value) {
  return value.as_boolean() != nullptr || value.as_integer() != nullptr || value.as_float() != nullptr;
}

bool is_sequence(const Value& value) {
  return value.is_string() || value.as_list() != nullptr || value.as_dict() != nullptr ||
         value.is_undefined();
}

bool is_boolean(const Value& value, bool wanted) {
  return value.as_boolean() != nullptr && *value.as_boolean() == wanted;
}

bool has_remainder(const Value& value, std::int64_t divisor, std::int64_t remainder, Budget& budget) {
  return are_equal(apply_arithmetic("%", value, divisor, budget), remainder, budget);
}

// Tests with an argument that are operators by another name.
template <char first, char second = '\0'>
bool compare_with(const Value& value, ArgumentReader& arguments, Budget& budget) {
  constexpr char kOperator[] = {first, second, '\0'};
  return compare(kOperator, value, arguments.take("other"), budget);
}

const std::map<std::string_view, Test>& tests() {
  using Reader = ArgumentReader;
  static const std::map<std::string_view, Test> table = {
      {"defined", [](const Value& v, Reader&, Budget&) { return !v.is_undefined(); }},
      {"undefined", [](const Value& v, Reader&, Budget&) { return v.is_undefined(); }},
      {"none", [](const Value& v, Reader&, Budget&) { return v.is_none(); }},
      {"true", [](const Value& v, Reader&, Budget&) { return is_boolean(v, true); }},
      {"false", [](const Value& v, Reader&, Budget&) { return is_boolean(v, false); }},
      {"boolean", [](const Value& v, Reader&, Budget&) { return v.as_boolean() != nullptr; }},
      {"integer", [](const Value& v, Reader&, Budget&) { return v.as_integer() != nullptr; }},
      {"float", [](const Value& v, Reader&, Budget&) { return v.as_float() != nullptr; }},
      {"number", [](const Value& v, Reader&, Budget&) { return is_number(v); }},
      {"string", [](const Value& v, Reader&, Budget&) { return v.is_string(); }},
      {"mapping", [](const Value& v, Reader&, Budget&) { return v.as_dict() != nullptr; }},
      {"iterable", [](const Value& v, Reader&, Budget&) { return is_sequence(v) || v.as_loop() != nullptr; }},
      {"sequence", [](const Value& v, Reader&, Budget&) { return is_sequence(v); }},
      {"callable", [](const Value& v, Reader&,
                      Budget&) { return v.as_function() != nullptr || v.as_method() != nullptr; }},
      {"odd", [](const Value& v, Reader&, Budget& budget) { return has_remainder(v, 2, 1, budget); }},
      {"even", [](const Value& v, Reader&, Budget& budget) { return has_remainder(v, 2, 0, budget); }},
      {"divisibleby",
       [](const Value& v, Reader& arguments, Budget& budget) {
         return are_equal(apply_arithmetic("%", v, arguments.take("num"), budget), std::int64_t{0}, budget);
       }},
      {"in", [](const Value& v, Reader& arguments,
                Budget& budget) { return compare("in", v, arguments.take("seq"), budget); }},
      {"==", compare_with<'=', '='>},
      {"eq", compare_with<'=', '='>},
      {"equalto", compare_with<'=', '='>},
      {"!=", compare_with<'!', '='>},
      {"ne", compare_with<'!', '='>},
      {"<", compare_with<'<'>},
      {"lt", compare_with<'<'>},
      {"lessthan", compare_with<'<'>},
      {"<=", compare_with<'<', '='>},
      {"le", compare_with<'<', '='>},
      {">", compare_with<'>'>},
      {"gt", compare_with<'>'>},
      {"greaterthan", compare_with<'>'>},
      {">=", compare_with<'>', '='>},
      {"ge", compare_with<'>', '='>},
  };
  return table;
}

}  // namespace

bool is_test(std::string_view name) {
  return tests().contains(name);
}

bool apply_test(const std::string& name, const Value& value, const Arguments& arguments, Budget& budget) {
  budget.spend_steps(1);
  ArgumentReader reader(fmt::format("the test `{}`", name), arguments);
  const bool holds = tests().at(name)(value, reader, budget);
  reader.finish();
  return holds;
}

}  // namespace lacuna::jinja
