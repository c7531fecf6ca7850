#include "worker/models/model_family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

#include "core/error.h"

namespace lacuna {
namespace {

// Bounds far beyond any real model, so that no product of two sizes overflows.
constexpr std::int64_t kMaximumExtent = std::int64_t{1} << 24U;
constexpr std::int64_t kMaximumLayers = 4096;
constexpr std::int64_t kMaximumPositions = std::int64_t{1} << 40U;

[[noreturn]] void refuse(const JsonFile& config, const std::string& problem, const std::string& why) {
  throw InputError({.problem = problem, .why = why}, SourceLocation{config.path()});
}

// Transformers 5 writes rope settings into one object, earlier releases at the top level.
double read_rope_theta(const JsonFile& config) {
  constexpr double kHuggingFaceDefault = 10000.0;
  if (const auto parameters = config.find_object("rope_parameters")) {
    if (const auto theta = parameters->find_number("rope_theta", 1.0, 1e12)) return *theta;
  }
  return config.find_number("rope_theta", 1.0, 1e12).value_or(kHuggingFaceDefault);
}

std::string list_supported_classes() {
  std::vector<std::string_view> names;
  for (const ModelFamily& family : model_families()) names.push_back(family.architecture_class);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

const std::vector<ModelFamily>& model_families() {
  static const std::vector<ModelFamily> families = {
      {"llama", "LlamaForCausalLM", read_llama_architecture},
      {"mistral", "MistralForCausalLM", read_mistral_architecture},
      {"qwen2", "Qwen2ForCausalLM", read_qwen2_architecture},
  };
  return families;
}

Architecture read_architecture(const JsonFile& config) {
  const std::vector<std::string> classes = config.find_strings("architectures");
  const std::string model_type = config.find_string("model_type").value_or("");
  for (const ModelFamily& family : model_families()) {
    const bool claimed =
        classes.empty() ? model_type == family.model_type : classes.front() == family.architecture_class;
    if (!claimed) continue;
    Architecture architecture = family.read_architecture(config);
    architecture.family = family.model_type;
    return architecture;
  }
  throw InputError({.problem = fmt::format("unsupported architecture '{}'",
                                           classes.empty() ? model_type : classes.front()),
                    .suggestion = "supported are " + list_supported_classes()},
                   SourceLocation{config.path()});
}

Architecture read_common_architecture(const JsonFile& config) {
  if (config.find_object("quantization_config")) {
    refuse(config, "key 'quantization_config'", "quantised checkpoints are not supported");
  }
  if (const auto activation = config.find_string("hidden_act"); activation && *activation != "silu") {
    refuse(config, "key 'hidden_act'",
           fmt::format("activation '{}' is not supported, only silu", *activation));
  }
  Architecture a;
  a.layers = config.require_integer("num_hidden_layers", 1, kMaximumLayers);
  a.hidden = config.require_integer("hidden_size", 1, kMaximumExtent);
  a.heads = config.require_integer("num_attention_heads", 1, kMaximumExtent);
  a.kv_heads = config.find_integer("num_key_value_heads", 1, kMaximumExtent).value_or(a.heads);
  a.intermediate = config.require_integer("intermediate_size", 1, kMaximumExtent);
  a.vocabulary = config.require_integer("vocab_size", 1, kMaximumExtent);
  a.max_positions =
      config.find_integer("max_position_embeddings", 1, kMaximumPositions).value_or(kMaximumPositions);
  a.rms_norm_epsilon = config.find_number("rms_norm_eps", 0.0, 1.0).value_or(1e-6);
  a.rope_theta = read_rope_theta(config);
  a.tied_head = config.find_bool("tie_word_embeddings").value_or(false);
  const auto head_dim = config.find_integer("head_dim", 1, kMaximumExtent);
  if (!head_dim && a.hidden % a.heads != 0) {
    refuse(config, "key 'hidden_size'",
           fmt::format("{} is not a multiple of num_attention_heads {}", a.hidden, a.heads));
  }
  a.head_dim = head_dim.value_or(a.hidden / a.heads);
  if (a.heads % a.kv_heads != 0) {
    refuse(config, "key 'num_key_value_heads'",
           fmt::format("{} does not divide num_attention_heads {}", a.kv_heads, a.heads));
  }
  if (a.head_dim % 2 != 0) refuse(config, "key 'head_dim'", fmt::format("{} is odd", a.head_dim));
  return a;
}

std::optional<Llama3RopeScaling> read_rope_scaling(const JsonFile& config) {
  auto scaling = config.find_object("rope_scaling");
  if (!scaling) scaling = config.find_object("rope_parameters");
  if (!scaling) return std::nullopt;
  std::string type = scaling->find_string("rope_type").value_or("");
  if (type.empty()) type = scaling->find_string("type").value_or("default");
  if (type == "default") return std::nullopt;
  if (type != "llama3") {
    refuse(config, "key 'rope_scaling'", fmt::format("type '{}' is not supported, only llama3", type));
  }
  constexpr double kLargest = 1e9;
  constexpr double kSmallest = 1e-6;
  const auto require = [&](std::string_view key) {
    const auto value = scaling->find_number(key, kSmallest, kLargest);
    if (!value) refuse(config, fmt::format("key 'rope_scaling.{}'", key), "is missing");
    return *value;
  };
  Llama3RopeScaling result;
  result.factor = require("factor");
  result.low_freq_factor = require("low_freq_factor");
  result.high_freq_factor = require("high_freq_factor");
  result.original_max_positions = require("original_max_position_embeddings");
  if (result.high_freq_factor <= result.low_freq_factor) {
    refuse(config, "key 'rope_scaling.high_freq_factor'", "must be larger than low_freq_factor");
  }
  return result;
}

}  // namespace lacuna
