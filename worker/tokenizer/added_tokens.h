// The `added_tokens` of a tokenizer.json: texts that are found in the input before anything else looks at it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "worker/tokenizer/component.h"
#include "worker/tokenizer/normalizer.h"
#include "worker/tokenizer/vocabulary.h"

namespace lacuna {

// A set of strings, searched for all at once.
class TokenTrie {
 public:
  TokenTrie();
  void insert(std::string_view text, std::uint32_t token);

  struct Match {
    std::size_t start;
    std::size_t length;
    std::uint32_t token;
  };
  // The leftmost match at or after `from`, the longest there.
  [[nodiscard]] std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  struct Node {
    std::vector<std::pair<unsigned char, std::uint32_t>> children;  // sorted by byte
    std::uint32_t token = kNone;
  };
  std::vector<Node> nodes_;
  std::vector<bool> starts_;  // by first byte
};

class AddedTokens {
 public:
  // `list` may be null. `normalizer` is applied to the texts of tokens with normalized=true.
  AddedTokens(const Component& list, const Vocabulary& vocabulary, const Normalizer& normalizer);

  // Splits `text` into added tokens and what lies between them, in order: visit(piece, id), no id for a gap.
  // `normalized`: search for the tokens with normalized=true (in normalized text), else for the others.
  using Visit = std::function<void(std::string_view piece, std::optional<TableId> id)>;
  void split(std::string_view text, bool normalized, const Visit& visit) const;

  [[nodiscard]] std::optional<TableId> find(std::string_view text) const;
  [[nodiscard]] const std::string* find_text(TableId id) const;
  [[nodiscard]] bool is_special(TableId id) const;
  // One more than the largest id; 0 if there are none.
  [[nodiscard]] std::size_t id_limit() const { return id_limit_; }

 private:
  struct Token {
    std::string text;
    TableId id = 0;
    bool special = false;
    bool strips_left = false;   // takes the white space before it along
    bool strips_right = false;  // and after it
  };
  void add(const Component& component, const Vocabulary& vocabulary, const Normalizer& normalizer);

  std::vector<Token> tokens_;
  std::unordered_map<std::string, std::uint32_t> by_text_;  // index into tokens_
  std::unordered_map<TableId, std::uint32_t> by_id_;
  TokenTrie raw_;
  TokenTrie normalized_;
  std::size_t id_limit_ = 0;
};

}  // namespace lacuna
