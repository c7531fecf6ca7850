// Typed ids: a layer is not a token, and neither is an int.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace lacuna {

// A value of type `Rep` that only mixes with its own kind. For integers the layout is that of `Rep`, so a
// vector of ids is a plain array on disk and on the wire.
template <class Tag, class Rep>
class StrongId {
 public:
  using rep = Rep;

  StrongId() = default;
  explicit StrongId(Rep value) : value_(std::move(value)) {}

  [[nodiscard]] const Rep& value() const { return value_; }
  friend auto operator<=>(const StrongId&, const StrongId&) = default;

 private:
  Rep value_{};
};

// Index of a token in a model's vocabulary.
using TokenId = StrongId<struct TokenIdTag, std::int32_t>;
// Index of a decoder layer, 0 first. -1 stands for "before layer 0": the embedding output.
using LayerIndex = StrongId<struct LayerIndexTag, std::int32_t>;
// Position of a threshold in the experiment's list of alphas.
using AlphaIndex = StrongId<struct AlphaIndexTag, std::int32_t>;
// Position of a question in a benchmark as the experiment loads it (after subject and limit selection).
using QuestionIndex = StrongId<struct QuestionIndexTag, std::int64_t>;
// A worker as the coordinator knows it; under MPI the rank.
using WorkerId = StrongId<struct WorkerIdTag, std::int32_t>;
// Positions in the experiment's lists of models and benchmarks.
using ModelIndex = StrongId<struct ModelIndexTag, std::int32_t>;
using BenchmarkIndex = StrongId<struct BenchmarkIndexTag, std::int32_t>;

// Stable name of a question across runs, for example "mmlu/astronomy/test/17" or a GPQA Record ID.
using QuestionId = StrongId<struct QuestionIdTag, std::string>;
// Stable name of a work unit; also the stem of its part file's name, so it is a safe file name.
using UnitId = StrongId<struct UnitIdTag, std::string>;

}  // namespace lacuna

template <class Tag, class Rep>
struct std::hash<lacuna::StrongId<Tag, Rep>> {
  std::size_t operator()(const lacuna::StrongId<Tag, Rep>& id) const { return std::hash<Rep>{}(id.value()); }
};

template <class Tag, class Rep>
struct fmt::formatter<lacuna::StrongId<Tag, Rep>> : fmt::formatter<Rep> {
  template <class Context>
  auto format(const lacuna::StrongId<Tag, Rep>& id, Context& context) const {
    return fmt::formatter<Rep>::format(id.value(), context);
  }
};
