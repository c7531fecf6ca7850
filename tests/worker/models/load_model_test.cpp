#include "worker/models/load_model.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/temporary_folder.h"
#include "tests/worker/checkpoint/safetensors_text.h"

namespace lacuna::testing {
namespace {

// A one-layer Llama with hidden size 4, as float16 of value 0.5, but for the tensor named `left_out`.
void write_model(const TemporaryFolder& directory, const std::string& left_out, bool tied) {
  const nlohmann::json config = {{"architectures", {"LlamaForCausalLM"}},
                                 {"num_hidden_layers", 1},
                                 {"hidden_size", 4},
                                 {"num_attention_heads", 2},
                                 {"intermediate_size", 6},
                                 {"vocab_size", 5},
                                 {"tie_word_embeddings", tied},
                                 {"eos_token_id", 2}};
  directory.write("config.json", config.dump());
  directory.write("generation_config.json", R"({"eos_token_id": [3, 4]})");
  const std::string layer = "model.layers.0.";
  const std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes = {
      {"model.embed_tokens.weight", {5, 4}},
      {layer + "input_layernorm.weight", {4}},
      {layer + "self_attn.q_proj.weight", {4, 4}},
      {layer + "self_attn.k_proj.weight", {4, 4}},
      {layer + "self_attn.v_proj.weight", {4, 4}},
      {layer + "self_attn.o_proj.weight", {4, 4}},
      {layer + "post_attention_layernorm.weight", {4}},
      {layer + "mlp.gate_proj.weight", {6, 4}},
      {layer + "mlp.up_proj.weight", {6, 4}},
      {layer + "mlp.down_proj.weight", {4, 6}},
      {"model.norm.weight", {4}},
      {"lm_head.weight", {5, 4}}};
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const auto& [name, shape] : shapes) {
    if (name == left_out || (tied && name == "lm_head.weight")) continue;
    const std::size_t begin = data.size();
    std::int64_t elements = 1;
    for (const std::int64_t extent : shape) elements *= extent;
    for (std::int64_t element = 0; element < elements; ++element) data += std::string("\x00\x38", 2);  // 0.5
    header[name] = {{"dtype", "F16"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  directory.write("model.safetensors", make_safetensors(header.dump(), data));
}

TEST(LoadModel, ConvertsDtypesAndReadsStopTokens) {
  const TemporaryFolder directory;
  write_model(directory, "", false);
  const LoadedModel loaded = load_model(directory.path(), DataType::kBFloat16, at::kCPU);
  EXPECT_EQ(loaded.model.dtype(), at::kBFloat16);
  EXPECT_EQ(loaded.model.head.weight[4][3].item<float>(), 0.5F);
  EXPECT_EQ(loaded.stop_tokens, (std::vector<TokenId>{TokenId(3), TokenId(4)}));
  EXPECT_EQ(inspect_model(directory.path()).parameters, 20 + 4 + 64 + 4 + 72 + 4 + 20);
}

TEST(LoadModel, ATiedHeadIsTheEmbedding) {
  const TemporaryFolder directory;
  write_model(directory, "", true);
  const LoadedModel loaded = load_model(directory.path(), DataType::kFloat32, at::kCPU);
  EXPECT_TRUE(loaded.model.head.weight.is_same(loaded.model.embedding));
}

TEST(LoadModel, MissingTensorsAreNamedBeforeAndWhileLoading) {
  for (const std::string name :
       {"lm_head.weight", "model.layers.0.mlp.up_proj.weight", "model.norm.weight"}) {
    const TemporaryFolder directory;
    write_model(directory, name, false);
    for (const bool load : {false, true}) {
      try {
        if (load) load_model(directory.path(), DataType::kFloat32, at::kCPU);
        if (!load) inspect_model(directory.path());
        FAIL() << name;
      } catch (const InputError& error) {
        EXPECT_NE(std::string(error.what()).find("'" + name + "' is missing"), std::string::npos)
            << error.what();
      }
    }
  }
}

TEST(LoadModel, AStopTokenOutsideTheVocabularyIsRefused) {
  const TemporaryFolder directory;
  write_model(directory, "", false);
  directory.write("generation_config.json", R"({"eos_token_id": 5})");
  EXPECT_THROW(load_model(directory.path(), DataType::kFloat32, at::kCPU), InputError);
}

}  // namespace
}  // namespace lacuna::testing
