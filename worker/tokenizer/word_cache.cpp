#include "worker/tokenizer/word_cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lacuna {
namespace {

constexpr std::size_t kSlots = std::size_t{1} << 16U;  // open addressing, at most half full
constexpr std::size_t kMaxUsed = kSlots / 2;

}  // namespace

WordCache::WordCache() : slots_(kSlots) {}

std::uint64_t WordCache::hash(std::string_view word) {
  return XXH3_64bits(word.data(), word.size());
}

std::optional<std::span<const TableId>> WordCache::find(std::string_view word,
                                                        std::uint64_t word_hash) const {
  for (std::size_t at = word_hash & (kSlots - 1);; at = (at + 1) & (kSlots - 1)) {
    const Slot& slot = slots_[at];
    if (slot.word_length == 0) return std::nullopt;
    if (slot.hash == word_hash &&
        std::string_view(words_).substr(slot.word_start, slot.word_length) == word) {
      return std::span(ids_).subspan(slot.ids_start, slot.ids_count);
    }
  }
}

void WordCache::insert(std::string_view word, std::uint64_t word_hash, std::span<const TableId> ids) {
  if (used_ >= kMaxUsed) clear();
  std::size_t at = word_hash & (kSlots - 1);
  while (slots_[at].word_length != 0) at = (at + 1) & (kSlots - 1);
  slots_[at] = {word_hash, static_cast<std::uint32_t>(words_.size()), static_cast<std::uint32_t>(ids_.size()),
                static_cast<std::uint16_t>(word.size()), static_cast<std::uint16_t>(ids.size())};
  words_ += word;
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  ++used_;
}

void WordCache::clear() {
  slots_.assign(kSlots, Slot{});
  words_.clear();
  ids_.clear();
  used_ = 0;
}

}  // namespace lacuna
