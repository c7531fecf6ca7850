#include "worker/lac/void_rule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace lacuna {
namespace {

struct Registration {
  std::string_view name;
  std::unique_ptr<VoidRule> (*make)();
};

// One line a rule.
constexpr Registration kRules[] = {
    {kPaperRule, make_l2_delta_rule},
};

}  // namespace

std::unique_ptr<VoidRule> make_void_rule(std::string_view name) {
  for (const Registration& rule : kRules) {
    if (rule.name == name) return rule.make();
  }
  throw InputError({.problem = fmt::format("unknown void rule '{}'", name),
                    .suggestion = fmt::format("use one of {}", fmt::join(void_rule_names(), ", "))});
}

std::vector<std::string_view> void_rule_names() {
  std::vector<std::string_view> names;
  for (const Registration& rule : kRules) names.push_back(rule.name);
  return names;
}

}  // namespace lacuna
