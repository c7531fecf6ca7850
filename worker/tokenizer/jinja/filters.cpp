#include "worker/tokenizer/jinja/filters.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <vector>

#include "worker/tokenizer/jinja/methods.h"
#include "worker/tokenizer/jinja/operations.h"
#include "worker/tokenizer/jinja/python_text.h"

namespace lacuna::jinja {
namespace {

using Filter = Value (*)(const Value& value, ArgumentReader& arguments, Budget& budget);

Value trim(const Value& value, ArgumentReader& arguments, Budget& budget) {
  const std::string text = to_text(value, budget);
  return std::string(strip(text, arguments.find_text("chars"), StripSide::kBoth));
}

Value write_json(const Value& value, ArgumentReader& arguments, Budget& budget) {
  const auto indent = arguments.find_integer("indent");
  if (indent && (*indent < 0 || *indent > 64)) refuse_template("tojson: the indent should be from 0 to 64");
  return to_json(value, indent, budget);
}

Value as_text(const Value& value, ArgumentReader&, Budget& budget) {
  return to_text(value, budget);
}

Value length(const Value& value, ArgumentReader&, Budget& budget) {
  return measure_length(value, budget);
}

Value as_list(const Value& value, ArgumentReader&, Budget& budget) {
  return make_list(list_elements(value, budget), budget);
}

Value upper(const Value& value, ArgumentReader&, Budget& budget) {
  return change_case(to_text(value, budget), true);
}
Value lower(const Value& value, ArgumentReader&, Budget& budget) {
  return change_case(to_text(value, budget), false);
}

Value fall_back(const Value& value, ArgumentReader& arguments, Budget&) {
  const Value fallback = arguments.find("default_value").value_or(std::string());
  const bool also_false = is_true(arguments.find("boolean").value_or(false));
  return value.is_undefined() || (also_false && !is_true(value)) ? fallback : value;
}

Value first(const Value& value, ArgumentReader&, Budget& budget) {
  const std::vector<Value> elements = list_elements(value, budget);
  return elements.empty() ? Value::undefined("No first item, sequence was empty.") : elements.front();
}

Value last(const Value& value, ArgumentReader&, Budget& budget) {
  const std::vector<Value> elements = list_elements(value, budget);
  return elements.empty() ? Value::undefined("No last item, sequence was empty.") : elements.back();
}

Value replace(const Value& value, ArgumentReader& arguments, Budget& budget) {
  const std::string pattern = arguments.take_text("old");
  const std::string replacement = arguments.take_text("new");
  return replace_text(to_text(value, budget), pattern, replacement,
                      arguments.find_integer("count").value_or(-1), budget);
}

Value items(const Value& value, ArgumentReader&, Budget& budget) {
  if (value.is_undefined()) return make_list({}, budget);
  if (value.as_dict() == nullptr) raise("Can only get item pairs from a mapping.");
  return call_method({value, "items"}, {}, budget);
}

// An attribute as filters name it: "function.name" goes down two levels, digits are an index.
Value look_up(const Value& value, const Value& attribute, Budget& budget) {
  if (!attribute.is_string()) return get_item(value, attribute, budget);
  Value found = value;
  for (const Value& part :
       list_elements(call_method({attribute, "split"}, {{Value(std::string("."))}, {}}, budget), budget)) {
    const std::string& name = *part.as_string();
    const bool index =
        !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == std::string::npos;
    found = get_item(found, index ? Value(static_cast<std::int64_t>(std::stoll(name))) : part, budget);
  }
  return found;
}

Value join(const Value& value, ArgumentReader& arguments, Budget& budget) {
  const std::string separator = to_text(arguments.find("d").value_or(std::string()), budget);
  const auto attribute = arguments.find("attribute");
  std::string joined;
  bool is_first = true;
  for (const Value& element : list_elements(value, budget)) {
    budget.spend_bytes(separator.size());
    if (!is_first) joined += separator;
    is_first = false;
    joined +=
        to_text(attribute && !attribute->is_none() ? look_up(element, *attribute, budget) : element, budget);
  }
  return joined;
}

// select, reject, selectattr, rejectattr: the elements for which a test (of an attribute) holds, or does not.
Value filter_elements(const Value& value, ArgumentReader& arguments, bool by_attribute, bool keep,
                      Budget& budget) {
  std::optional<Value> attribute;
  if (by_attribute) attribute = arguments.take("attribute");
  const auto test = arguments.find_text("test");
  const Arguments rest = arguments.take_rest();
  if (test && !is_test(*test)) refuse_template(fmt::format("the test `{}` is not supported", *test));
  std::vector<Value> kept;
  for (const Value& element : list_elements(value, budget)) {
    const Value subject = attribute ? look_up(element, *attribute, budget) : element;
    const bool holds = test ? apply_test(*test, subject, rest, budget) : is_true(subject);
    if (holds == keep) kept.push_back(element);
  }
  return make_list(std::move(kept), budget);
}

Value select(const Value& value, ArgumentReader& arguments, Budget& budget) {
  return filter_elements(value, arguments, false, true, budget);
}
Value reject(const Value& value, ArgumentReader& arguments, Budget& budget) {
  return filter_elements(value, arguments, false, false, budget);
}
Value select_attribute(const Value& value, ArgumentReader& arguments, Budget& budget) {
  return filter_elements(value, arguments, true, true, budget);
}
Value reject_attribute(const Value& value, ArgumentReader& arguments, Budget& budget) {
  return filter_elements(value, arguments, true, false, budget);
}

// map(attribute=name) or map(filter, arguments of the filter...).
Value map(const Value& value, ArgumentReader& arguments, Budget& budget) {
  Arguments rest = arguments.take_rest();
  std::optional<Value> attribute;
  std::string filter;
  if (rest.positional.empty() && rest.keywords.size() == 1 && rest.keywords[0].first == "attribute") {
    attribute = rest.keywords[0].second;
  } else if (!rest.positional.empty() && rest.positional[0].is_string()) {
    filter = *rest.positional[0].as_string();
    rest.positional.erase(rest.positional.begin());
    if (!is_filter(filter) || filter == "map")
      refuse_template(fmt::format("map of `{}` is not supported", filter));
  } else {
    refuse_template("map with these arguments is not supported");
  }
  std::vector<Value> mapped;
  for (const Value& element : list_elements(value, budget)) {
    mapped.push_back(attribute ? look_up(element, *attribute, budget)
                               : apply_filter(filter, element, rest, budget));
  }
  return make_list(std::move(mapped), budget);
}

const std::map<std::string_view, Filter>& filters() {
  static const std::map<std::string_view, Filter> table = {
      {"trim", trim},         {"tojson", write_json},
      {"string", as_text},    {"length", length},
      {"count", length},      {"list", as_list},
      {"upper", upper},       {"lower", lower},
      {"default", fall_back}, {"d", fall_back},
      {"first", first},       {"last", last},
      {"replace", replace},   {"items", items},
      {"join", join},         {"select", select},
      {"reject", reject},     {"selectattr", select_attribute},
      {"map", map},           {"rejectattr", reject_attribute},
  };
  return table;
}

}  // namespace

bool is_filter(std::string_view name) {
  return filters().contains(name);
}

Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments, Budget& budget) {
  budget.spend_steps(1);
  ArgumentReader reader(fmt::format("the filter `{}`", name), arguments);
  Value result = filters().at(name)(value, reader, budget);
  reader.finish();
  return result;
}

}  // namespace lacuna::jinja
