// Byte-pair encoding of one word: the `model` of a tokenizer.json with type BPE.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/tokenizer/component.h"
#include "worker/tokenizer/merge_table.h"
#include "worker/tokenizer/vocabulary.h"
#include "worker/tokenizer/word_cache.h"

namespace lacuna {

// Buffers that one call after the other may use; one per thread at a time.
struct BpeScratch {
  struct Symbol {
    TableId id = 0;
    MergeRank rank = kNoMerge;  // of merging with the next symbol
    std::uint32_t previous = 0;
    std::uint32_t next = 0;
  };
  std::vector<TableId> ids;
  std::vector<MergeRank> ranks;
  std::vector<Symbol> symbols;
  std::vector<std::uint64_t> queue;
  WordCache cache;
};

class BpeModel {
 public:
  // What the words handed to `encode` are made of.
  enum class Alphabet {
    kText,   // UTF-8; the first symbols are code points
    kBytes,  // raw bytes; the vocabulary writes them in the GPT-2 alphabet
  };

  BpeModel(const Component& model, Alphabet alphabet);

  // Appends the ids of `word`. Takes n log n time for n bytes at worst.
  void encode(std::string_view word, BpeScratch& scratch, std::vector<TableId>& ids) const;

  [[nodiscard]] const Vocabulary& vocabulary() const { return *vocabulary_; }

 private:
  // Fills scratch.ids with the symbols that merging starts from.
  void start_symbols(std::string_view word, BpeScratch& scratch) const;
  void append_start_symbol(std::string_view character, std::optional<TableId>& pending_unknown,
                           std::vector<TableId>& symbols) const;
  // Merges scratch.ids until nothing can be merged: by scanning (few symbols) or with a queue.
  void merge_few(BpeScratch& scratch) const;
  void merge_many(BpeScratch& scratch) const;
  void encode_part(std::string_view part, BpeScratch& scratch, std::vector<TableId>& ids) const;
  void encode_uncached(std::string_view part, BpeScratch& scratch) const;

  // Where no token that a merge makes has two given code points side by side, no merge crosses the boundary
  // between them, and the parts on its two sides can be tokenized each by itself. `joined_pairs_` is a set of
  // hashed pairs that do occur; a pair that is in it by accident only costs time.
  void collect_joined_pairs();
  [[nodiscard]] bool may_join(char32_t left, char32_t right) const;

  Alphabet alphabet_;
  std::unique_ptr<Vocabulary> vocabulary_;
  std::unique_ptr<MergeTable> merges_;
  bool ignore_merges_ = false;
  bool byte_fallback_ = false;
  bool fuse_unknown_ = false;
  std::optional<TableId> unknown_;
  // The token of each single byte: of the alphabet (kBytes) or of the fallback (kText: <0x00> to <0xFF>).
  std::array<std::optional<TableId>, 256> byte_tokens_;
  std::vector<std::uint64_t> joined_pairs_;  // bit set; empty: words are not split
};

}  // namespace lacuna
