// From a model directory, as Hugging Face serves it, to a model in memory.
#pragma once

#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "core/keep_alive.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

struct LoadedModel {
  CausalLm model;
  std::vector<TokenId> stop_tokens;  // of generation_config.json, else of config.json
};

struct LoadOptions {
  KeepAlive keep_alive = {};  // called for every weight
  // On the CPU, weights of up to so many bytes are copied to large pages (worker/nn/weight_arena.h), from
  // where decoding reads them up to twice as fast. Larger ones that have the right dtype stay in the mapped
  // files, whose memory all processes of a node share.
  std::int64_t most_copied_bytes = std::numeric_limits<std::int64_t>::max();
};

// Reads config.json, generation_config.json and the safetensors files of `directory`. Throws InputError
// (core/error.h) for anything missing, unsupported, mis-shaped or damaged, naming the file and the tensor or
// key.
LoadedModel load_model(const std::filesystem::path& directory, DataType dtype, const at::Device& device,
                       const LoadOptions& options = {});

// What can be said of a model directory without loading it.
struct ModelFacts {
  Architecture architecture;
  std::int64_t parameters = 0;
  std::int64_t weight_bytes = 0;  // as stored
  std::vector<std::filesystem::path>
      files;  // weights, index, configs, tokenizer files: what results depend on
};

// Checks everything that load_model checks, but reads only headers. Throws the same errors.
ModelFacts inspect_model(const std::filesystem::path& directory);

// Called for every weight of a model: its name in the checkpoint, its shape, and where it belongs.
using VisitWeight =
    std::function<void(const std::string& name, std::vector<std::int64_t> shape, at::Tensor& weight)>;

// Visits the weights of an assembled model in a fixed order; those of a tied head only once.
void visit_weights(CausalLm& model, const VisitWeight& visit);

at::ScalarType to_scalar_type(DataType dtype);

}  // namespace lacuna
