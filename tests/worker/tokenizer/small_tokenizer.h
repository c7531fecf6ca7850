// Tokenizers small enough to work out by hand, as the JSON of their tokenizer.json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "worker/tokenizer/byte_alphabet.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna::testing {

using Json = nlohmann::ordered_json;
using Merges = std::vector<std::pair<std::string, std::string>>;
using Numbers = std::vector<TokenId::rep>;

// Ids 0 to 255 are the bytes themselves (in the byte alphabet), 256 + i is what merge i makes.
inline Json make_byte_level(const Merges& merges) {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[byte_alphabet::write(std::string(1, static_cast<char>(byte)))] = byte;
  }
  Json merge_list = Json::array();
  int next = 256;
  for (const auto& [left, right] : merges) {
    vocab[left + right] = next++;
    merge_list.push_back({left, right});
  }
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", Json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merge_list}}}};
}

// SentencePiece style: words are text, a space is U+2581, unknown characters fall back to bytes. Ids 0 to 255
// are <0x00> to <0xFF>, then come `characters`, then what the merges make.
inline Json make_metaspace(const std::vector<std::string>& characters, const Merges& merges) {
  Json vocab = Json::object();
  int next = 0;
  for (; next < 256; ++next) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    vocab[std::string("<0x") + kDigits[next / 16] + kDigits[next % 16] + ">"] = next;
  }
  for (const auto& character : characters) vocab[character] = next++;
  Json merge_list = Json::array();
  for (const auto& [left, right] : merges) {
    vocab[left + right] = next++;
    merge_list.push_back(left + " " + right);
  }
  Json json = make_byte_level({});
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "first"}, {"split", false}};
  json["decoder"] = {{"type", "Sequence"},
                     {"decoders",
                      {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
                       {{"type", "ByteFallback"}},
                       {{"type", "Fuse"}},
                       {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
  json["model"] = {{"type", "BPE"}, {"byte_fallback", true}, {"vocab", vocab}, {"merges", merge_list}};
  return json;
}

inline Json make_added_token(int id, const std::string& content, bool special) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

// What encoding gives, as plain numbers.
inline Numbers encode(const Json& json, const std::string& text, bool add_special_tokens = false) {
  Numbers numbers;
  for (const TokenId id : Tokenizer::parse(json.dump()).encode(text, add_special_tokens))
    numbers.push_back(id.value());
  return numbers;
}

inline std::string decode(const Json& json, const Numbers& numbers, bool skip_special_tokens = false) {
  std::vector<TokenId> ids;
  for (const auto number : numbers) ids.emplace_back(number);
  return Tokenizer::parse(json.dump()).decode(ids, skip_special_tokens);
}

}  // namespace lacuna::testing
