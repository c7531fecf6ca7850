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

at::Tensor VoidRule::find_all_active(const at::Tensor& norms, const at::Tensor& alphas) {
  std::vector<at::Tensor> active;
  for (std::int64_t layer = 0; layer + 1 < norms.size(0); ++layer) {
    observe_layer(norms.select(0, layer), norms.select(0, layer + 1));
    active.push_back(find_active(alphas.unsqueeze(1)));
  }
  return at::stack(active);
}

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
