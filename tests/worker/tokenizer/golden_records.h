// The golden JSON-lines files of the three real tokenizers.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/ids.h"
#include "tests/reference_files.h"
#include "tests/test_name.h"

namespace lacuna::testing {

inline const std::vector<std::string> kFamilies = {"llama3", "mistral-v0.3", "qwen2.5"};

inline std::filesystem::path tokenizer_dir(const std::string& family) {
  return reference_root() / "reference" / "tokenizers" / family;
}

inline std::vector<nlohmann::ordered_json> read_records(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::vector<nlohmann::ordered_json> records;
  for (std::string line; std::getline(stream, line);) records.push_back(nlohmann::ordered_json::parse(line));
  return records;
}

// Not ordered: a vocabulary has too many keys for that.
inline nlohmann::json read_json(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return nlohmann::json::parse(stream);
}

inline std::vector<TokenId> to_token_ids(const nlohmann::ordered_json& ids) {
  std::vector<TokenId> typed;
  for (const auto& id : ids) typed.emplace_back(id.get<TokenId::rep>());
  return typed;
}

inline std::vector<TokenId::rep> to_numbers(const std::vector<TokenId>& ids) {
  std::vector<TokenId::rep> numbers;
  for (const TokenId id : ids) numbers.push_back(id.value());
  return numbers;
}

}  // namespace lacuna::testing
