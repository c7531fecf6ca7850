#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/demo_maker/demo_families.h"
#include "apps/demo_maker/whole_file.h"

namespace lacuna {
namespace {

using Json = nlohmann::ordered_json;

Json find_id(const std::vector<std::string>& vocabulary, const std::string& token) {
  const auto found = std::find(vocabulary.begin(), vocabulary.end(), token);
  return found == vocabulary.end() ? Json(nullptr) : Json(found - vocabulary.begin());
}

}  // namespace

void write_model_configs(const std::filesystem::path& directory, const DemoFamily& family,
                         const std::vector<std::string>& vocabulary) {
  const Architecture& shape = family.shape;
  const Json begin = find_id(vocabulary, family.begin_token);
  const Json end = find_id(vocabulary, family.end_token);
  Json config = {{"architectures", Json::array({family.architecture_class})},
                 {"attention_dropout", 0.0},
                 {"bos_token_id", begin},
                 {"eos_token_id", end},
                 {"head_dim", shape.head_dim},
                 {"hidden_act", "silu"},
                 {"hidden_size", shape.hidden},
                 {"intermediate_size", shape.intermediate},
                 {"max_position_embeddings", shape.max_positions},
                 {"model_type", shape.family},
                 {"num_attention_heads", shape.heads},
                 {"num_hidden_layers", shape.layers},
                 {"num_key_value_heads", shape.kv_heads},
                 {"rms_norm_eps", shape.rms_norm_epsilon},
                 {"rope_theta", shape.rope_theta},
                 {"tie_word_embeddings", shape.tied_head},
                 {"torch_dtype", "bfloat16"},
                 {"use_cache", true},
                 {"vocab_size", shape.vocabulary}};
  if (shape.family == "llama") config["attention_bias"] = config["mlp_bias"] = false;
  if (shape.family == "mistral") config["sliding_window"] = nullptr;
  if (shape.family == "qwen2") {
    config["sliding_window"] = nullptr;
    config["use_sliding_window"] = false;
  }
  write_whole_file(directory / "config.json", config.dump(2) + '\n');

  const Json generation = {{"bos_token_id", begin}, {"do_sample", false}, {"eos_token_id", end}};
  write_whole_file(directory / "generation_config.json", generation.dump(2) + '\n');
}

}  // namespace lacuna
