#include "worker/models/model_family.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/temporary_folder.h"

namespace lacuna::testing {
namespace {

nlohmann::json make_config(const std::string& architecture) {
  return {{"architectures", {architecture}},
          {"num_hidden_layers", 4},
          {"hidden_size", 64},
          {"num_attention_heads", 8},
          {"num_key_value_heads", 2},
          {"intermediate_size", 128},
          {"vocab_size", 300},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 500000.0}};
}

Architecture read(const nlohmann::json& config) {
  const TemporaryFolder directory;
  return read_architecture(JsonFile::read(directory.write("config.json", config.dump())));
}

std::string message_of(const nlohmann::json& config) {
  try {
    read(config);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ModelFamily, EachReadsWhatIsItsOwn) {
  EXPECT_FALSE(read(make_config("LlamaForCausalLM")).qkv_bias);
  const Architecture qwen = read(make_config("Qwen2ForCausalLM"));
  EXPECT_TRUE(qwen.qkv_bias);
  EXPECT_FALSE(qwen.attention_output_bias);
  EXPECT_EQ(qwen.head_dim, 8);
  nlohmann::json mistral = make_config("MistralForCausalLM");
  mistral["head_dim"] = 16;
  mistral["sliding_window"] = 4096;
  EXPECT_EQ(read(mistral).head_dim, 16);
  EXPECT_EQ(read(mistral).window, 4096);
}

TEST(ModelFamily, AWindowOfQwenActsOnlyWhereTheConfigSwitchesItOn) {
  nlohmann::json config = make_config("Qwen2ForCausalLM");
  config["sliding_window"] = 32;
  config["max_window_layers"] = 3;
  config["use_sliding_window"] = false;
  EXPECT_EQ(read(config).window, 0);
  config["use_sliding_window"] = true;
  EXPECT_EQ(read(config).window, 32);
  EXPECT_EQ(read(config).first_windowed_layer, 3);
}

TEST(ModelFamily, Llama3ScalingIsReadAndOthersAreRefusedByName) {
  nlohmann::json config = make_config("LlamaForCausalLM");
  config["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 8.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 8192}};
  EXPECT_EQ(read(config).rope_scaling->factor, 8.0);
  config["rope_scaling"].erase("factor");
  EXPECT_NE(message_of(config).find("rope_scaling.factor"), std::string::npos);
  config["rope_scaling"] = {{"type", "yarn"}, {"factor", 4.0}};
  EXPECT_NE(message_of(config).find("'yarn'"), std::string::npos);
}

TEST(ModelFamily, WhatIsNotSupportedIsNamed) {
  EXPECT_NE(message_of(make_config("GPT2LMHeadModel")).find("'GPT2LMHeadModel'"), std::string::npos);
  nlohmann::json config = make_config("LlamaForCausalLM");
  config["hidden_act"] = "gelu";
  EXPECT_NE(message_of(config).find("'gelu'"), std::string::npos);
  config = make_config("LlamaForCausalLM");
  config["num_key_value_heads"] = 3;
  EXPECT_NE(message_of(config).find("num_key_value_heads"), std::string::npos);
  config = make_config("LlamaForCausalLM");
  config["num_hidden_layers"] = 1000000000;
  EXPECT_NE(message_of(config).find("num_hidden_layers"), std::string::npos);
  config = make_config("LlamaForCausalLM");
  config["quantization_config"] = {{"bits", 4}};
  EXPECT_NE(message_of(config).find("quantization_config"), std::string::npos);
}

}  // namespace
}  // namespace lacuna::testing
