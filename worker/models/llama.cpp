// Llama 2, 3, 3.1 (LlamaForCausalLM): optional biases, optional llama3 rope scaling.
#include "worker/models/model_family.h"

namespace lacuna {

Architecture read_llama_architecture(const JsonFile& config) {
  Architecture architecture = read_common_architecture(config);
  architecture.rope_scaling = read_rope_scaling(config);
  architecture.qkv_bias = config.find_bool("attention_bias").value_or(false);
  architecture.attention_output_bias = architecture.qkv_bias;
  architecture.mlp_bias = config.find_bool("mlp_bias").value_or(false);
  return architecture;
}

}  // namespace lacuna
