#include "apps/demo_maker/demo_families.h"

namespace lacuna {
namespace {

// Contractions, words with a leading mark, up to `digits` digits, punctuation, line ends, spaces: the split
// that byte-level vocabularies of the GPT-4 kind use.
std::string write_split_pattern(const std::string& digits) {
  return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

Architecture make_shape(const std::string& family) {
  Architecture shape;
  shape.family = family;
  shape.layers = 6;
  shape.hidden = 64;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_dim = 16;
  shape.intermediate = 128;
  shape.max_positions = 2048;
  shape.rms_norm_epsilon = 1e-5;
  shape.rope_theta = 10000;
  return shape;
}

// The templates are ours; they lay a conversation out with the special tokens of the family.
DemoFamily make_llama() {
  DemoFamily family;
  family.directory = std::string("llama-demo");
  family.architecture_class = std::string("LlamaForCausalLM");
  family.shape = make_shape("llama");
  family.last_tokens = {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                        "<|eot_id|>"};
  family.begin_token = std::string("<|begin_of_text|>");
  family.end_token = std::string("<|eot_id|>");
  family.split_pattern = write_split_pattern(R"(\p{N}{1,3})");
  family.ignores_merges = true;
  family.chat_template =
      R"({% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %})"
      R"({{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }})"
      R"({{ message['content'] | trim }}{{ '<|eot_id|>' }}{% endfor %})"
      R"({% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %})";
  return family;
}

DemoFamily make_mistral() {
  DemoFamily family;
  family.directory = std::string("mistral-demo");
  family.architecture_class = std::string("MistralForCausalLM");
  family.shape = make_shape("mistral");
  family.shape.head_dim = 24;  // not hidden / heads, as in some Mistral models
  family.first_tokens = {"<unk>", "<s>", "</s>", "[INST]", "[/INST]"};
  family.begin_token = std::string("<s>");
  family.end_token = std::string("</s>");
  family.split_pattern = write_split_pattern(R"(\p{N})");
  family.chat_template =
      R"({{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %})"
      R"({{ ' ' + message['content'] | trim + eos_token }}{% else %})"
      R"({{ '[INST] ' + message['content'] + '[/INST]' }}{% endif %}{% endfor %})";
  family.answer_prefix = std::string(" ");
  return family;
}

DemoFamily make_qwen() {
  DemoFamily family;
  family.directory = std::string("qwen-demo");
  family.architecture_class = std::string("Qwen2ForCausalLM");
  family.shape = make_shape("qwen2");
  family.shape.rms_norm_epsilon = 1e-6;
  family.shape.tied_head = true;
  family.shape.qkv_bias = true;
  family.last_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  family.end_token = std::string("<|im_end|>");
  family.split_pattern = write_split_pattern(R"(\p{N})");
  family.composes_unicode = true;
  family.chat_template =
      R"({% for message in messages %}{% if loop.first and message['role'] != 'system' %})"
      R"({{ '<|im_start|>system\nAnswer the question.<|im_end|>\n' }}{% endif %})"
      R"({{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %})"
      R"({% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %})";
  return family;
}

}  // namespace

const std::vector<DemoFamily>& demo_families() {
  static const std::vector<DemoFamily> families = {make_llama(), make_mistral(), make_qwen()};
  return families;
}

}  // namespace lacuna
