#include "worker/tokenizer/bpe_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/utf8.h"
#include "worker/tokenizer/byte_alphabet.h"

namespace lacuna {
namespace {

constexpr std::size_t kJoinedPairBits = std::size_t{1} << 20U;
// Up to here shifting an array beats keeping a queue.
constexpr std::size_t kFewSymbols = 32;
constexpr std::uint32_t kNoSymbol = std::numeric_limits<std::uint32_t>::max();

std::size_t hash_pair(char32_t left, char32_t right) {
  const std::uint64_t key = (static_cast<std::uint64_t>(left) << 32U) | right;
  return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 44U);  // 20 bits
}

void refuse_unless_empty(const Component& model, std::string_view name) {
  const auto field = model.find(name);
  if (field && !field->text().empty()) field->refuse("it is not supported");
}

}  // namespace

BpeModel::BpeModel(const Component& model, Alphabet alphabet) : alphabet_(alphabet) {
  if (const auto type = model.find("type"); type && type->text() != "BPE") {
    model.refuse(fmt::format("the model type `{}` is not supported, only BPE", type->text()));
  }
  model.allow_only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                    "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (const auto dropout = model.find("dropout")) {
    if (!dropout->value().is_number() || dropout->value().get<double>() != 0.0) {
      dropout->refuse("random dropping of merges is not supported");
    }
  }
  refuse_unless_empty(model, "continuing_subword_prefix");
  refuse_unless_empty(model, "end_of_word_suffix");
  ignore_merges_ = model.boolean_or("ignore_merges", false);
  byte_fallback_ = model.boolean_or("byte_fallback", false);
  fuse_unknown_ = model.boolean_or("fuse_unk", false);
  vocabulary_ = std::make_unique<Vocabulary>(model.field("vocab"));
  merges_ = std::make_unique<MergeTable>(model.field("merges"), *vocabulary_);
  if (const auto unknown = model.find("unk_token")) {
    unknown_ = vocabulary_->find(unknown->text());
    if (!unknown_) unknown->refuse(fmt::format("`{}` is not in the vocabulary", unknown->text()));
  }
  if (byte_fallback_ && alphabet_ == Alphabet::kBytes) {
    model.refuse("byte_fallback together with a ByteLevel pre-tokenizer is not supported");
  }
  for (std::size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
    std::string token = fmt::format("<0x{:02X}>", byte);
    if (alphabet_ == Alphabet::kBytes) {
      token.clear();
      utf8::append(token, byte_alphabet::spell(static_cast<unsigned char>(byte)));
    }
    byte_tokens_[byte] = vocabulary_->find(token);
  }
  collect_joined_pairs();
}

void BpeModel::collect_joined_pairs() {
  // A byte alphabet comes with a splitting pattern. Without a token for every byte, unknown characters may be
  // fused or dropped across a boundary; and a byte token that merges would make a neighbour of its own.
  const bool every_byte = std::all_of(byte_tokens_.begin(), byte_tokens_.end(),
                                      [this](const auto& id) { return id && !merges_->has_part(*id); });
  if (alphabet_ != Alphabet::kText || !byte_fallback_ || ignore_merges_ || !every_byte) return;
  joined_pairs_.resize(kJoinedPairBits / 64);
  for (std::size_t rank = 0; rank < merges_->size(); ++rank) {
    const std::string_view token =
        vocabulary_->find_text(merges_->product(static_cast<MergeRank>(rank))).value();
    std::optional<char32_t> previous;
    for (std::size_t at = 0; at < token.size();) {
      const utf8::CodePoint point = utf8::read(token, at);
      at += point.length;
      if (previous) {
        const std::size_t bit = hash_pair(*previous, point.value);
        joined_pairs_[bit / 64] |= std::uint64_t{1} << (bit % 64);
      }
      previous = point.value;
    }
  }
}

bool BpeModel::may_join(char32_t left, char32_t right) const {
  const std::size_t bit = hash_pair(left, right);
  return ((joined_pairs_[bit / 64] >> (bit % 64)) & 1U) != 0;
}

void BpeModel::encode(std::string_view word, BpeScratch& scratch, std::vector<TableId>& ids) const {
  if (word.empty()) return;
  if (joined_pairs_.empty()) return encode_part(word, scratch, ids);
  std::size_t part_start = 0;
  utf8::CodePoint previous = utf8::read(word, 0);
  for (std::size_t at = previous.length; at < word.size();) {
    const utf8::CodePoint point = utf8::read(word, at);
    if (!may_join(previous.value, point.value)) {
      encode_part(word.substr(part_start, at - part_start), scratch, ids);
      part_start = at;
    }
    previous = point;
    at += point.length;
  }
  encode_part(word.substr(part_start), scratch, ids);
}

void BpeModel::encode_part(std::string_view part, BpeScratch& scratch, std::vector<TableId>& ids) const {
  const bool cacheable = part.size() <= WordCache::kMaxWordBytes;
  const std::uint64_t hash = cacheable ? WordCache::hash(part) : 0;
  if (cacheable) {
    if (const auto known = scratch.cache.find(part, hash)) {
      ids.insert(ids.end(), known->begin(), known->end());
      return;
    }
  }
  encode_uncached(part, scratch);
  ids.insert(ids.end(), scratch.ids.begin(), scratch.ids.end());
  if (cacheable) scratch.cache.insert(part, hash, scratch.ids);
}

void BpeModel::encode_uncached(std::string_view part, BpeScratch& scratch) const {
  scratch.ids.clear();
  if (ignore_merges_) {
    const auto whole = alphabet_ == Alphabet::kText ? vocabulary_->find(part)
                                                    : vocabulary_->find(byte_alphabet::write(part));
    if (whole) return scratch.ids.push_back(*whole);
  }
  start_symbols(part, scratch);
  if (scratch.ids.size() <= kFewSymbols) {
    merge_few(scratch);
  } else {
    merge_many(scratch);
  }
}

void BpeModel::start_symbols(std::string_view word, BpeScratch& scratch) const {
  std::optional<TableId> pending_unknown;
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t length = alphabet_ == Alphabet::kBytes ? 1 : utf8::read(word, at).length;
    append_start_symbol(word.substr(at, length), pending_unknown, scratch.ids);
    at += length;
  }
  if (pending_unknown) scratch.ids.push_back(*pending_unknown);
}

// `pending_unknown` holds back an unknown token that further unknown characters may still join (fuse_unk).
// Like the reference, byte fallback does not flush it. Without an unknown token, unknown characters vanish.
void BpeModel::append_start_symbol(std::string_view character, std::optional<TableId>& pending_unknown,
                                   std::vector<TableId>& symbols) const {
  const auto known = alphabet_ == Alphabet::kBytes ? byte_tokens_[static_cast<unsigned char>(character[0])]
                                                   : vocabulary_->find(character);
  if (known) {
    if (pending_unknown) symbols.push_back(*pending_unknown);
    pending_unknown.reset();
    symbols.push_back(*known);
    return;
  }
  const auto token_of = [this](char byte) { return byte_tokens_[static_cast<unsigned char>(byte)]; };
  if (byte_fallback_ && std::all_of(character.begin(), character.end(),
                                    [&](char byte) { return token_of(byte).has_value(); })) {
    for (const char byte : character) symbols.push_back(*token_of(byte));
    return;
  }
  if (!unknown_) return;
  if (pending_unknown && !fuse_unknown_) symbols.push_back(*pending_unknown);
  pending_unknown = unknown_;
}

void BpeModel::merge_few(BpeScratch& scratch) const {
  auto& ids = scratch.ids;
  auto& ranks = scratch.ranks;  // ranks[i]: of merging ids[i] with ids[i + 1]
  ranks.clear();
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) ranks.push_back(merges_->find(ids[i], ids[i + 1]));
  while (!ranks.empty()) {
    const auto best = std::min_element(ranks.begin(), ranks.end());  // the leftmost of equals
    if (*best == kNoMerge) return;
    const auto at = best - ranks.begin();
    ids[static_cast<std::size_t>(at)] = merges_->product(*best);
    ids.erase(ids.begin() + at + 1);
    ranks.erase(best);
    const auto i = static_cast<std::size_t>(at);
    if (i < ranks.size()) ranks[i] = merges_->find(ids[i], ids[i + 1]);
    if (i > 0) ranks[i - 1] = merges_->find(ids[i - 1], ids[i]);
  }
}

void BpeModel::merge_many(BpeScratch& scratch) const {
  auto& symbols = scratch.symbols;  // a doubly linked list; a merged-away symbol keeps kNoMerge for ever
  auto& queue = scratch.queue;      // min-heap of rank * 2^32 + position: lowest rank first, then leftmost
  const auto count = static_cast<std::uint32_t>(scratch.ids.size());
  symbols.resize(count);
  queue.clear();
  const auto push = [&queue](MergeRank rank, std::uint32_t at) {
    if (rank == kNoMerge) return;
    queue.push_back((static_cast<std::uint64_t>(rank) << 32U) | at);
    std::push_heap(queue.begin(), queue.end(), std::greater<>());
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    symbols[i] = {scratch.ids[i], last ? kNoMerge : merges_->find(scratch.ids[i], scratch.ids[i + 1]),
                  i == 0 ? kNoSymbol : i - 1, last ? kNoSymbol : i + 1};
    push(symbols[i].rank, i);
  }
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    const auto rank = static_cast<MergeRank>(queue.back() >> 32U);
    const auto at = static_cast<std::uint32_t>(queue.back());
    queue.pop_back();
    BpeScratch::Symbol& left = symbols[at];
    if (left.rank != rank) continue;  // the pair is no longer there
    BpeScratch::Symbol& right = symbols[left.next];
    left.id = merges_->product(rank);
    left.next = right.next;
    right.rank = kNoMerge;
    left.rank = kNoMerge;
    if (left.next != kNoSymbol) {
      symbols[left.next].previous = at;
      left.rank = merges_->find(left.id, symbols[left.next].id);
      push(left.rank, at);
    }
    if (left.previous != kNoSymbol) {
      BpeScratch::Symbol& previous = symbols[left.previous];
      previous.rank = merges_->find(previous.id, left.id);
      push(previous.rank, left.previous);
    }
  }
  scratch.ids.clear();
  for (std::uint32_t i = 0; i != kNoSymbol && i < count; i = symbols[i].next)
    scratch.ids.push_back(symbols[i].id);
}

}  // namespace lacuna
