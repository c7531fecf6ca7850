// From a checkpoint on the disk to the first token.
#pragma once

#include <filesystem>

#include "core/experiment_config.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

// Loads the checkpoint and generates one token after a short prompt: what the process that is timed does.
void generate_first_token(const std::filesystem::path& checkpoint, DataType dtype, const at::Device& device);

// Writes the model as a checkpoint directory without a tokenizer: config.json and model.safetensors.
void write_checkpoint(const CausalLm& model, const std::filesystem::path& folder);

}  // namespace lacuna
