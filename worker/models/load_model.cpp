#include "worker/models/load_model.h"

#include <c10/util/accumulate.h>
#include <fmt/format.h>

#include "core/error.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/models/model_family.h"
#include "worker/nn/weight_arena.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;

// Names of Hugging Face's decoder models; the three families agree on them.
void visit_linear(const std::string& name, std::int64_t out, std::int64_t in, bool bias, Linear& linear,
                  const VisitWeight& visit) {
  visit(name + ".weight", {out, in}, linear.weight);
  if (bias) visit(name + ".bias", {out}, linear.bias);
}

void visit_layer(const Architecture& a, const std::string& prefix, DecoderLayer& layer,
                 const VisitWeight& visit) {
  const std::int64_t q_size = a.heads * a.head_dim;
  const std::int64_t kv_size = a.kv_heads * a.head_dim;
  visit(prefix + "input_layernorm.weight", {a.hidden}, layer.attention_norm.weight);
  visit_linear(prefix + "self_attn.q_proj", q_size, a.hidden, a.qkv_bias, layer.attention.query, visit);
  visit_linear(prefix + "self_attn.k_proj", kv_size, a.hidden, a.qkv_bias, layer.attention.key, visit);
  visit_linear(prefix + "self_attn.v_proj", kv_size, a.hidden, a.qkv_bias, layer.attention.value, visit);
  visit_linear(prefix + "self_attn.o_proj", a.hidden, q_size, a.attention_output_bias, layer.attention.output,
               visit);
  visit(prefix + "post_attention_layernorm.weight", {a.hidden}, layer.mlp_norm.weight);
  visit_linear(prefix + "mlp.gate_proj", a.intermediate, a.hidden, a.mlp_bias, layer.mlp.gate, visit);
  visit_linear(prefix + "mlp.up_proj", a.intermediate, a.hidden, a.mlp_bias, layer.mlp.up, visit);
  visit_linear(prefix + "mlp.down_proj", a.hidden, a.intermediate, a.mlp_bias, layer.mlp.down, visit);
}

}  // namespace

void visit_weights(CausalLm& model, const VisitWeight& visit) {
  const Architecture& a = model.architecture;
  visit("model.embed_tokens.weight", {a.vocabulary, a.hidden}, model.embedding);
  std::int64_t index = 0;
  for (DecoderLayer& layer : model.layers) {
    visit_layer(a, fmt::format("model.layers.{}.", index), layer, visit);
    ++index;
  }
  visit("model.norm.weight", {a.hidden}, model.final_norm.weight);
  if (!a.tied_head) visit("lm_head.weight", {a.vocabulary, a.hidden}, model.head.weight);
}

namespace {

std::vector<TokenId> read_stop_tokens(const fs::path& directory, const JsonFile& config,
                                      std::int64_t vocabulary) {
  const fs::path generation_path = directory / "generation_config.json";
  const JsonFile source = fs::exists(generation_path) ? JsonFile::read(generation_path) : config;
  std::vector<std::int64_t> ids = source.find_integers("eos_token_id");
  if (ids.empty()) ids = config.find_integers("eos_token_id");
  std::vector<TokenId> stop_tokens;
  for (const std::int64_t id : ids) {
    if (id < 0 || id >= vocabulary) {
      throw InputError({.problem = "key 'eos_token_id'",
                        .why = fmt::format("{} is not a token of a vocabulary of {}", id, vocabulary)},
                       SourceLocation{source.path()});
    }
    stop_tokens.emplace_back(static_cast<std::int32_t>(id));
  }
  return stop_tokens;
}

void require_directory(const fs::path& directory) {
  if (!fs::is_directory(directory)) {
    throw InputError({.problem = "no such model directory",
                      .suggestion = "give the directory that holds config.json and the safetensors files"},
                     SourceLocation{directory});
  }
}

}  // namespace

at::ScalarType to_scalar_type(DataType dtype) {
  return dtype == DataType::kFloat32 ? at::kFloat : at::kBFloat16;
}

LoadedModel load_model(const fs::path& directory, DataType dtype, const at::Device& device,
                       const LoadOptions& options) {
  require_directory(directory);
  const JsonFile config = JsonFile::read(directory / "config.json");
  LoadedModel loaded;
  loaded.model = assemble_model(read_architecture(config));
  loaded.stop_tokens = read_stop_tokens(directory, config, loaded.model.architecture.vocabulary);
  const Checkpoint checkpoint = Checkpoint::open(directory);
  const bool is_copied = device.is_cpu() && checkpoint.total_bytes() <= options.most_copied_bytes;
  WeightArena arena;
  visit_weights(loaded.model,
                [&](const std::string& name, const std::vector<std::int64_t>& shape, at::Tensor& weight) {
                  if (options.keep_alive) options.keep_alive();
                  const at::Tensor stored = checkpoint.map_tensor(name, shape);
                  if (is_copied || (device.is_cpu() && stored.scalar_type() != to_scalar_type(dtype))) {
                    weight = arena.copy(stored, to_scalar_type(dtype));
                  } else {
                    weight = stored.to(device, to_scalar_type(dtype));
                  }
                });
  if (!device.is_cpu()) join_projections(loaded.model);
  // A tied head may be stored all the same; Hugging Face uses the embedding then, too.
  if (loaded.model.architecture.tied_head) loaded.model.head.weight = loaded.model.embedding;
  return loaded;
}

ModelFacts inspect_model(const fs::path& directory) {
  require_directory(directory);
  const JsonFile config = JsonFile::read(directory / "config.json");
  ModelFacts facts;
  facts.architecture = read_architecture(config);
  read_stop_tokens(directory, config, facts.architecture.vocabulary);
  const Checkpoint checkpoint = Checkpoint::open(directory);
  CausalLm model = assemble_model(facts.architecture);
  visit_weights(model, [&](const std::string& name, const std::vector<std::int64_t>& shape, at::Tensor&) {
    checkpoint.check_tensor(name, shape);
    facts.parameters += c10::multiply_integers(shape);
  });
  facts.weight_bytes = checkpoint.total_bytes();
  facts.files = checkpoint.files();
  for (const char* const name :
       {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}) {
    if (fs::exists(directory / name)) facts.files.push_back(directory / name);
  }
  return facts;
}

}  // namespace lacuna
