#include "apps/demo_maker/bpe_trainer.h"

#include <set>

namespace lacuna {
namespace {

struct CountedPiece {
  std::vector<std::string> tokens;
  std::int64_t count = 0;
};

std::map<BpeMerge, std::int64_t> count_pairs(const std::vector<CountedPiece>& pieces) {
  std::map<BpeMerge, std::int64_t> counts;
  for (const CountedPiece& piece : pieces) {
    for (std::size_t i = 0; i + 1 < piece.tokens.size(); ++i) {
      counts[{piece.tokens[i], piece.tokens[i + 1]}] += piece.count;
    }
  }
  return counts;
}

void apply_merge(const BpeMerge& merge, std::vector<std::string>& tokens) {
  std::vector<std::string> merged;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i + 1 < tokens.size() && tokens[i] == merge.first && tokens[i + 1] == merge.second) {
      merged.push_back(merge.first + merge.second);
      ++i;
    } else {
      merged.push_back(tokens[i]);
    }
  }
  tokens = std::move(merged);
}

}  // namespace

// Counting anew for every merge is quadratic, and fast enough for a few hundred different pieces.
std::vector<BpeMerge> learn_merges(const PieceCounts& pieces, std::size_t max_merges,
                                   std::int64_t min_count) {
  std::vector<CountedPiece> words;
  for (const auto& [piece, count] : pieces) {
    CountedPiece word{{}, count};
    for (const char byte : piece) word.tokens.emplace_back(1, byte);
    words.push_back(std::move(word));
  }
  std::set<std::string> made;
  std::vector<BpeMerge> merges;
  while (merges.size() < max_merges) {
    const std::map<BpeMerge, std::int64_t> counts = count_pairs(words);
    const BpeMerge* best = nullptr;
    std::int64_t best_count = min_count - 1;
    for (const auto& [pair, count] : counts) {
      // A token must have one spelling in the vocabulary, so a second way to make it is no merge.
      if (count > best_count && !made.contains(pair.first + pair.second)) {
        best = &pair;
        best_count = count;
      }
    }
    if (best == nullptr) break;
    for (CountedPiece& word : words) apply_merge(*best, word.tokens);
    made.insert(best->first + best->second);
    merges.push_back(*best);
  }
  return merges;
}

std::vector<std::string> list_byte_level_tokens(const std::vector<BpeMerge>& merges) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const BpeMerge& merge : merges) tokens.push_back(merge.first + merge.second);
  return tokens;
}

}  // namespace lacuna
