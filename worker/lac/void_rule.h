// Decides which layers are void for a token, from the norms of the residual stream alone.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <string_view>
#include <vector>

namespace lacuna {

// Follows some tokens through the layers, each for itself: nothing is carried between tokens or passes. A
// rule is a formula in LibTorch's operators, so that it runs where the model runs and the host need not wait
// for a layer's decisions. All tensors lie on one device and have one dtype, the precision of the rule's own
// arithmetic: float32, or bfloat16, in which every intermediate result is rounded as a model in bfloat16
// rounds it.
class VoidRule {
 public:
  virtual ~VoidRule() = default;
  // The next layer, beginning with layer 0: norm of every token's state before it (`carried`) and after it
  // (`candidate`), both [tokens].
  virtual void observe_layer(const at::Tensor& carried, const at::Tensor& candidate) = 0;
  // Whether the layer observed last is active under `alphas`, which are one for each token [tokens], or
  // [alphas, 1] for each token with each of them -> bool [tokens] or [alphas, tokens].
  [[nodiscard]] virtual at::Tensor find_active(const at::Tensor& alphas) const = 0;

  // All layers of a stream that decisions leave alone: `norms` [layers + 1, tokens], the embedding's first;
  // `alphas` [alphas] -> bool [layers, alphas, tokens], as observing layer after layer with a new rule gives
  // them. A rule overrides it where few operators can do that for all layers: in a decode step a layer's few
  // tokens are less work than calling its operators.
  [[nodiscard]] virtual at::Tensor find_all_active(const at::Tensor& norms, const at::Tensor& alphas);
};

// The rules by name; the first is the paper's. Throws InputError that lists them for any other name.
std::unique_ptr<VoidRule> make_void_rule(std::string_view name);
std::vector<std::string_view> void_rule_names();

inline constexpr std::string_view kPaperRule = "l2-delta";

// Each rule's maker, in the file of that name.
std::unique_ptr<VoidRule> make_l2_delta_rule();

}  // namespace lacuna
