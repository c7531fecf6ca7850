#include "worker/benchmarks/choice_order.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "core/counter_random.h"
#include "core/error.h"
#include "worker/benchmarks/python_random.h"

namespace lacuna {
namespace {

constexpr Permutation kInOrder = {0, 1, 2, 3};

}  // namespace

ChoiceOrder parse_choice_order(std::string_view name) {
  if (name == "fixed") return ChoiceOrder::kFixed;
  if (name == "author") return ChoiceOrder::kAuthor;
  if (name == "harness") return ChoiceOrder::kHarness;
  throw InputError({.problem = fmt::format("unknown choice_order '{}'", name),
                    .suggestion = "use one of fixed, author, harness"});
}

Permutation permute_fixed(std::uint64_t seed, const QuestionId& id) {
  Permutation order = kInOrder;
  std::uint32_t draw = 0;
  for (std::size_t last = order.size() - 1; last > 0; --last, ++draw) {
    const double noise = draw_uniform(seed, RandomPurpose::kChoiceOrder, id.value(), draw);
    std::swap(order[last], order[static_cast<std::size_t>(noise * static_cast<double>(last + 1))]);
  }
  return order;
}

std::vector<Permutation> permute_like_harness(std::uint32_t python_seed, std::size_t rows) {
  PythonRandom random(python_seed);
  std::vector<Permutation> orders(rows, kInOrder);
  for (Permutation& order : orders) random.shuffle(std::span<std::uint8_t>(order));
  return orders;
}

}  // namespace lacuna
