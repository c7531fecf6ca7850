#include "worker/benchmarks/choice_order.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "core/error.h"
#include "worker/benchmarks/python_random.h"

namespace lacuna {
namespace {

constexpr Permutation kInOrder = {0, 1, 2, 3};

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

std::uint64_t hash_fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3U;
  return hash;
}

}  // namespace

ChoiceOrder parse_choice_order(std::string_view name) {
  if (name == "fixed") return ChoiceOrder::kFixed;
  if (name == "author") return ChoiceOrder::kAuthor;
  if (name == "harness") return ChoiceOrder::kHarness;
  throw InputError({.problem = fmt::format("unknown choice_order '{}'", name),
                    .suggestion = "use one of fixed, author, harness"});
}

Permutation permute_fixed(std::uint64_t seed, const QuestionId& id) {
  const std::uint64_t key = mix(hash_fnv1a(id.value()) + mix(seed));
  Permutation order = kInOrder;
  for (std::uint64_t i = 3, counter = 0; i > 0; --i, ++counter) {
    const std::uint64_t random = mix(key + (counter + 1) * 0x9E3779B97F4A7C15U) >> 32U;
    std::swap(order[i], order[(random * (i + 1)) >> 32U]);
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
