// Mistral 7B (MistralForCausalLM): no biases, a sliding window over all layers where the config has one.
#include "worker/models/model_family.h"

namespace lacuna {

Architecture read_mistral_architecture(const JsonFile& config) {
  Architecture architecture = read_common_architecture(config);
  architecture.rope_scaling = read_rope_scaling(config);
  constexpr std::int64_t kLargestWindow = std::int64_t{1} << 40U;
  architecture.window = config.find_integer("sliding_window", 1, kLargestWindow).value_or(0);
  return architecture;
}

}  // namespace lacuna
