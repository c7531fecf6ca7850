// What a call of a function, method, filter or test is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/tokenizer/jinja/value.h"

namespace lacuna::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keywords;
};

// Hands out the arguments of one call by position or name, and in the end refuses those nobody asked for.
class ArgumentReader {
 public:
  // `callee`: for errors, for example "filter `trim`".
  ArgumentReader(std::string callee, const Arguments& arguments)
      : callee_(std::move(callee)), arguments_(arguments), used_(arguments.keywords.size()) {}

  // The next parameter. None counts as given.
  std::optional<Value> find(std::string_view name);
  Value take(std::string_view name);
  // The same with the type checked; the optional ones take None as not given.
  std::string take_text(std::string_view name);
  std::optional<std::string> find_text(std::string_view name);
  std::optional<std::int64_t> find_integer(std::string_view name);
  // All arguments that are left, for another callee.
  Arguments take_rest();

  void finish() const;

 private:
  std::string callee_;
  const Arguments& arguments_;
  std::size_t next_ = 0;
  std::vector<bool> used_;
};

}  // namespace lacuna::jinja
