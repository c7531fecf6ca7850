// Qwen2 and Qwen2.5 (Qwen2ForCausalLM): biases on query, key and value; a sliding window from layer
// max_window_layers on, if use_sliding_window says so.
#include "worker/models/model_family.h"

namespace lacuna {

Architecture read_qwen2_architecture(const JsonFile& config) {
  Architecture architecture = read_common_architecture(config);
  architecture.rope_scaling = read_rope_scaling(config);
  architecture.qkv_bias = true;
  if (config.find_bool("use_sliding_window").value_or(false)) {
    constexpr std::int64_t kLargest = std::int64_t{1} << 40U;
    architecture.window = config.find_integer("sliding_window", 1, kLargest).value_or(0);
    architecture.first_windowed_layer = config.find_integer("max_window_layers", 0, kLargest).value_or(0);
  }
  return architecture;
}

}  // namespace lacuna
