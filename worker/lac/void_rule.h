// Decides which layers are void for a token, from the norms of the residual stream alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace lacuna {

// Precision of the rule's own arithmetic. Norms come as float32 values that are already rounded to it.
enum class RuleArithmetic : std::uint8_t {
  kFloat32,
  kBFloat16,  // every intermediate result is rounded to bfloat16, as a model in bfloat16 computes it
};

// Follows some tokens through the layers, each for itself: nothing is carried between tokens or passes.
class VoidRule {
 public:
  virtual ~VoidRule() = default;
  // Starts over with that many tokens, before layer 0.
  virtual void begin(std::int64_t tokens) = 0;
  // The next layer: norm of every token's state before it (`carried`) and after it (`candidate`).
  virtual void observe_layer(std::span<const float> carried, std::span<const float> candidate) = 0;
  // Whether the layer observed last is active for the token under `alpha`.
  [[nodiscard]] virtual bool is_active(std::int64_t token, double alpha) const = 0;
};

// The rules by name; the first is the paper's. Throws InputError that lists them for any other name.
std::unique_ptr<VoidRule> make_void_rule(std::string_view name, RuleArithmetic arithmetic);
std::vector<std::string_view> void_rule_names();

inline constexpr std::string_view kPaperRule = "l2-delta";

// Each rule's maker, in the file of that name.
std::unique_ptr<VoidRule> make_l2_delta_rule(RuleArithmetic arithmetic);

}  // namespace lacuna
