// Learns byte pair merges (Sennrich et al. 2016, on bytes as in GPT-2) for the demo's small vocabularies.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace lacuna {

// How often each piece occurs in a text, after the pre-tokenizer has cut it. Pieces are bytes.
using PieceCounts = std::map<std::string, std::int64_t>;

// Left and right part of a merge, both bytes; merging them gives the new token.
using BpeMerge = std::pair<std::string, std::string>;

// The merges in the order in which they are learnt: always the most frequent adjacent pair, of equally
// frequent ones the one that sorts first. Ends after `max_merges`, or when no pair is left that occurs at
// least `min_count` times.
std::vector<BpeMerge> learn_merges(const PieceCounts& pieces, std::size_t max_merges, std::int64_t min_count);

// The tokens of a byte-level vocabulary in id order: the 256 bytes, then what each merge makes.
std::vector<std::string> list_byte_level_tokens(const std::vector<BpeMerge>& merges);

}  // namespace lacuna
