// The model families that Lacuna knows, and how each reads its config.json.
#pragma once

#include <string_view>
#include <vector>

#include "worker/checkpoint/json_file.h"
#include "worker/models/architecture.h"

namespace lacuna {

struct ModelFamily {
  std::string_view model_type;          // "model_type" of config.json
  std::string_view architecture_class;  // first of "architectures" of config.json
  // Reads what differs between families; shared keys are read by read_common_architecture.
  Architecture (*read_architecture)(const JsonFile& config);
};

// One line a family.
const std::vector<ModelFamily>& model_families();

// The architecture of a model directory's config.json. Throws InputError that names the file and the key, or
// the architecture if no family claims it.
Architecture read_architecture(const JsonFile& config);

// The keys that all families share: sizes, norm epsilon, rope_theta, tied head. Dimensions are checked
// against each other (heads divisible by kv heads, even head dimension).
Architecture read_common_architecture(const JsonFile& config);

// `rope_scaling` of type llama3, none if there is none; any other type is refused by name.
std::optional<Llama3RopeScaling> read_rope_scaling(const JsonFile& config);

// Each family's reader, in the file of that name.
Architecture read_llama_architecture(const JsonFile& config);
Architecture read_mistral_architecture(const JsonFile& config);
Architecture read_qwen2_architecture(const JsonFile& config);

}  // namespace lacuna
