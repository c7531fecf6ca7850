// The model's own tokens (not the added ones): text to id and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "worker/tokenizer/component.h"

namespace lacuna {

// Ids of a tokenizer.json stay below this: tables are indexed by id, and a number in a file must not size
// them.
constexpr std::size_t kMaxTokenId = (std::size_t{1} << 22U) - 1;

// An id as the tables use it, always at most kMaxTokenId.
using TableId = std::uint32_t;

class Vocabulary {
 public:
  // From {"token": id, ...}. Refuses ids out of range and ids in use twice.
  explicit Vocabulary(const Component& vocab);

  [[nodiscard]] std::optional<TableId> find(std::string_view token) const;
  // The token with this id, or nothing.
  [[nodiscard]] std::optional<std::string_view> find_text(TableId id) const;
  // One more than the largest id; 0 if empty.
  [[nodiscard]] std::size_t id_limit() const { return text_of_.size(); }

 private:
  struct Text {
    std::uint32_t start = 0;
    std::uint32_t length = 0;
    bool used = false;
  };
  std::string arena_;  // all tokens, one after the other; the views below point into it
  std::vector<Text> text_of_;
  std::unordered_map<std::string_view, TableId> ids_;

 public:
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;
};

}  // namespace lacuna
