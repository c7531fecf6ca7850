// Remembers the ids of words already tokenized. Prose repeats its words, so most are looked up, not merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "worker/tokenizer/vocabulary.h"

namespace lacuna {

// Bounded in memory: emptied when full. Not for use by two threads at once.
class WordCache {
 public:
  static constexpr std::size_t kMaxWordBytes = 128;

  WordCache();

  static std::uint64_t hash(std::string_view word);

  // The ids of `word`, valid until the next `insert`; nothing if unknown. `word_hash` = hash(word).
  [[nodiscard]] std::optional<std::span<const TableId>> find(std::string_view word,
                                                             std::uint64_t word_hash) const;

  // `word` is not in the cache and at most kMaxWordBytes long.
  void insert(std::string_view word, std::uint64_t word_hash, std::span<const TableId> ids);

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t word_start = 0;
    std::uint32_t ids_start = 0;
    std::uint16_t word_length = 0;  // 0: free (the empty word is never asked for)
    std::uint16_t ids_count = 0;
  };
  void clear();

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  std::string words_;
  std::vector<TableId> ids_;
};

}  // namespace lacuna
