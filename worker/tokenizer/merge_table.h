// The merges of a BPE model: which two adjacent symbols become which token, and in what order of preference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "worker/tokenizer/component.h"
#include "worker/tokenizer/vocabulary.h"

namespace lacuna {

// Index in the list of merges: the lowest goes first.
using MergeRank = std::uint32_t;
constexpr MergeRank kNoMerge = std::numeric_limits<MergeRank>::max();

class MergeTable {
 public:
  // From ["a b", ...] or [["a", "b"], ...]. Refuses a merge whose parts or product are not in the vocabulary.
  // Of two merges of the same pair the later counts, as in the reference.
  MergeTable(const Component& merges, const Vocabulary& vocabulary);

  // The rank of merging `left` with `right`, or kNoMerge.
  [[nodiscard]] MergeRank find(TableId left, TableId right) const {
    const std::uint64_t key = pack(left, right);
    for (std::size_t slot = home(key);; slot = (slot + 1) & mask_) {
      if (slots_[slot].key == key) return slots_[slot].rank;
      if (slots_[slot].rank == kNoMerge) return kNoMerge;
    }
  }

  [[nodiscard]] std::size_t size() const { return products_.size(); }
  [[nodiscard]] TableId product(MergeRank rank) const { return products_[rank]; }

  // Whether any merge has this token as a part.
  [[nodiscard]] bool has_part(TableId id) const { return id < is_part_.size() && is_part_[id]; }

 private:
  struct Slot {
    std::uint64_t key = std::numeric_limits<std::uint64_t>::max();
    MergeRank rank = kNoMerge;
  };

  static std::uint64_t pack(TableId left, TableId right) {
    return (static_cast<std::uint64_t>(left) << 32U) | right;
  }
  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> shift_);
  }
  void insert(TableId left, TableId right, MergeRank rank);

  // Open addressing, at most half full.
  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  unsigned shift_ = 0;
  std::vector<TableId> products_;
  std::vector<bool> is_part_;
};

}  // namespace lacuna
