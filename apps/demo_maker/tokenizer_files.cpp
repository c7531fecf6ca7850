#include <nlohmann/json.hpp>

#include "apps/demo_maker/demo_families.h"
#include "apps/demo_maker/whole_file.h"
#include "worker/tokenizer/byte_alphabet.h"

namespace lacuna {
namespace {

using Json = nlohmann::ordered_json;

bool is_special(const DemoFamily& family, const std::string& token) {
  for (const auto* tokens : {&family.first_tokens, &family.last_tokens}) {
    for (const std::string& special : *tokens) {
      if (special == token) return true;
    }
  }
  return false;
}

Json describe_added_token(const std::string& token) {
  return {{"content", token}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},  {"normalized", false},  {"special", true}};
}

Json describe_byte_level() {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
}

Json describe_pre_tokenizer(const DemoFamily& family) {
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", family.split_pattern}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({split, describe_byte_level()})}};
}

Json describe_post_processor(const DemoFamily& family, std::size_t begin_id) {
  if (family.begin_token.empty()) return describe_byte_level();
  const auto piece = [](const char* kind, const std::string& id, int type) -> Json {
    return {{kind, {{"id", id}, {"type_id", type}}}};
  };
  const Json begin = piece("SpecialToken", family.begin_token, 0);
  const Json first = piece("Sequence", "A", 0);
  return {{"type", "TemplateProcessing"},
          {"single", Json::array({begin, first})},
          {"pair", Json::array({begin, first, piece("SpecialToken", family.begin_token, 1),
                                piece("Sequence", "B", 1)})},
          {"special_tokens",
           {{family.begin_token,
             {{"id", family.begin_token},
              {"ids", Json::array({begin_id})},
              {"tokens", Json::array({family.begin_token})}}}}}};
}

Json describe_bpe(const DemoFamily& family, const std::vector<std::string>& vocabulary,
                  const std::vector<BpeMerge>& merges) {
  Json ids = Json::object();
  for (std::size_t id = 0; id < vocabulary.size(); ++id) {
    if (!is_special(family, vocabulary[id])) ids[vocabulary[id]] = id;
  }
  Json lines = Json::array();
  for (const BpeMerge& merge : merges) {
    lines.push_back(byte_alphabet::write(merge.first) + " " + byte_alphabet::write(merge.second));
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", family.ignores_merges},
          {"vocab", ids},
          {"merges", lines}};
}

}  // namespace

std::vector<std::string> list_vocabulary(const DemoFamily& family, const std::vector<BpeMerge>& merges) {
  std::vector<std::string> vocabulary = family.first_tokens;
  for (const std::string& token : list_byte_level_tokens(merges)) {
    vocabulary.push_back(byte_alphabet::write(token));
  }
  vocabulary.insert(vocabulary.end(), family.last_tokens.begin(), family.last_tokens.end());
  return vocabulary;
}

void write_tokenizer_files(const std::filesystem::path& directory, const DemoFamily& family,
                           const std::vector<BpeMerge>& merges) {
  const std::vector<std::string> vocabulary = list_vocabulary(family, merges);
  Json added = Json::array();
  Json decoder_map = Json::object();
  std::size_t begin_id = 0;
  for (std::size_t id = 0; id < vocabulary.size(); ++id) {
    if (!is_special(family, vocabulary[id])) continue;
    if (vocabulary[id] == family.begin_token) begin_id = id;
    decoder_map[std::to_string(id)] = describe_added_token(vocabulary[id]);
    Json token = {{"id", id}};
    token.update(describe_added_token(vocabulary[id]));
    added.push_back(token);
  }
  const Json tokenizer = {{"version", "1.0"},
                          {"truncation", nullptr},
                          {"padding", nullptr},
                          {"added_tokens", added},
                          {"normalizer", family.composes_unicode ? Json{{"type", "NFC"}} : Json(nullptr)},
                          {"pre_tokenizer", describe_pre_tokenizer(family)},
                          {"post_processor", describe_post_processor(family, begin_id)},
                          {"decoder", describe_byte_level()},
                          {"model", describe_bpe(family, vocabulary, merges)}};
  write_whole_file(directory / "tokenizer.json", tokenizer.dump(1) + '\n');

  const Json config = {{"added_tokens_decoder", decoder_map},
                       {"bos_token", family.begin_token.empty() ? Json(nullptr) : Json(family.begin_token)},
                       {"chat_template", family.chat_template},
                       {"clean_up_tokenization_spaces", false},
                       {"eos_token", family.end_token},
                       {"model_max_length", family.shape.max_positions},
                       {"tokenizer_class", "PreTrainedTokenizerFast"}};
  write_whole_file(directory / "tokenizer_config.json", config.dump(2) + '\n');
}

}  // namespace lacuna
