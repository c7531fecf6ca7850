// A model's shape as data: what a family file reads from config.json, and all that the shared blocks need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "worker/nn/rotary_embedding.h"

namespace lacuna {

struct Architecture {
  std::string family;  // "llama", "mistral", "qwen2"
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t intermediate = 0;
  std::int64_t vocabulary = 0;
  std::int64_t max_positions = 0;
  double rms_norm_epsilon = 1e-6;
  double rope_theta = 10000;
  std::optional<Llama3RopeScaling> rope_scaling;
  bool tied_head = false;  // the output head is the embedding
  bool qkv_bias = false;
  bool attention_output_bias = false;
  bool mlp_bias = false;
  std::int64_t window = 0;  // sliding window in tokens; 0: none
  std::int64_t first_windowed_layer = 0;
};

}  // namespace lacuna
