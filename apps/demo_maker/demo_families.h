// The three demo models: one for each family that Lacuna knows, each in its family's dress.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/demo_maker/bpe_trainer.h"
#include "worker/models/architecture.h"

namespace lacuna {

struct DemoFamily {
  std::string directory;           // name of the model and of its folder
  std::string architecture_class;  // as config.json names it
  Architecture shape;              // `vocabulary` is known once the tokenizer is trained

  // Special tokens: those in front of the 256 bytes, and those behind the last merge.
  std::vector<std::string> first_tokens;
  std::vector<std::string> last_tokens;
  std::string begin_token;        // put in front by the post-processor; empty: none
  std::string end_token;          // ends an answer
  std::string split_pattern;      // of the pre-tokenizer
  bool composes_unicode = false;  // NFC before splitting
  bool ignores_merges = false;

  std::string chat_template;
  std::string answer_prefix;  // what the template puts between the prompt and an answer
};

const std::vector<DemoFamily>& demo_families();

// Every token of the vocabulary in id order: special tokens as they are, others in the byte alphabet.
std::vector<std::string> list_vocabulary(const DemoFamily& family, const std::vector<BpeMerge>& merges);

// Writes tokenizer.json and tokenizer_config.json as Hugging Face's libraries do.
void write_tokenizer_files(const std::filesystem::path& directory, const DemoFamily& family,
                           const std::vector<BpeMerge>& merges);

// Writes config.json and generation_config.json. `family.shape` is complete.
void write_model_configs(const std::filesystem::path& directory, const DemoFamily& family,
                         const std::vector<std::string>& vocabulary);

}  // namespace lacuna
