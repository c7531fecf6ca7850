#include "worker/tokenizer/added_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/utf8.h"

namespace lacuna {
namespace {

// A search may look at this many bytes again and again.
constexpr std::size_t kMaxTokenBytes = 512;
constexpr std::size_t kMaxTokens = std::size_t{1} << 17U;

// Where the white space that ends at `end` starts, but not before `limit`.
std::size_t skip_space_back(std::string_view text, std::size_t end, std::size_t limit) {
  while (end > limit) {
    std::size_t start = end - 1;
    while (start > limit && (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) --start;
    if (!utf8::is_white_space(utf8::read(text, start).value)) break;
    end = start;
  }
  return end;
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const utf8::CodePoint point = utf8::read(text, at);
    if (!utf8::is_white_space(point.value)) break;
    at += point.length;
  }
  return at;
}

}  // namespace

TokenTrie::TokenTrie() : nodes_(1), starts_(256) {}

void TokenTrie::insert(std::string_view text, std::uint32_t token) {
  if (text.empty()) return;
  starts_[static_cast<unsigned char>(text[0])] = true;
  std::uint32_t node = 0;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    auto& children = nodes_[node].children;
    const auto place = std::lower_bound(children.begin(), children.end(), std::pair(byte, std::uint32_t{0}));
    if (place != children.end() && place->first == byte) {
      node = place->second;
    } else {
      const auto next = static_cast<std::uint32_t>(nodes_.size());
      children.insert(place, {byte, next});
      nodes_.emplace_back();
      node = next;
    }
  }
  nodes_[node].token = token;
}

std::optional<TokenTrie::Match> TokenTrie::find(std::string_view text, std::size_t from) const {
  for (std::size_t start = from; start < text.size(); ++start) {
    if (!starts_[static_cast<unsigned char>(text[start])]) continue;
    std::optional<Match> longest;
    std::uint32_t node = 0;
    for (std::size_t at = start; at < text.size(); ++at) {
      const auto byte = static_cast<unsigned char>(text[at]);
      const auto& children = nodes_[node].children;
      const auto child =
          std::lower_bound(children.begin(), children.end(), std::pair(byte, std::uint32_t{0}));
      if (child == children.end() || child->first != byte) break;
      node = child->second;
      if (nodes_[node].token != kNone) longest = Match{start, at + 1 - start, nodes_[node].token};
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

AddedTokens::AddedTokens(const Component& list, const Vocabulary& vocabulary, const Normalizer& normalizer) {
  if (list.is_null()) return;
  for (const Component& component : list.elements(kMaxTokens)) add(component, vocabulary, normalizer);
}

void AddedTokens::add(const Component& component, const Vocabulary& vocabulary,
                      const Normalizer& normalizer) {
  component.allow_only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  Token token;
  token.text = component.field("content").text();
  token.id = static_cast<TableId>(component.field("id").whole_number(kMaxTokenId));
  token.special = component.boolean_or("special", false);
  token.strips_left = component.boolean_or("lstrip", false);
  token.strips_right = component.boolean_or("rstrip", false);
  if (component.boolean_or("single_word", false)) component.refuse("single_word is not supported");
  if (token.text.empty() || token.text.size() > kMaxTokenBytes) {
    component.refuse(fmt::format("`content` should have 1 to {} bytes", kMaxTokenBytes));
  }
  // The vocabulary may list the token too, but must agree.
  const auto own_id = vocabulary.find(token.text);
  const auto own_text = vocabulary.find_text(token.id);
  if ((own_id && *own_id != token.id) || (own_text && *own_text != token.text)) {
    component.refuse(fmt::format("`{}` with id {} contradicts the vocabulary", token.text, token.id));
  }
  const auto index = static_cast<std::uint32_t>(tokens_.size());
  if (!by_text_.emplace(token.text, index).second || !by_id_.emplace(token.id, index).second) {
    component.refuse(fmt::format("the text `{}` or the id {} is listed twice", token.text, token.id));
  }
  if (component.boolean_or("normalized", !token.special)) {
    normalized_.insert(normalizer.apply(token.text).value_or(token.text), index);
  } else {
    raw_.insert(token.text, index);
  }
  id_limit_ = std::max<std::size_t>(id_limit_, token.id + std::size_t{1});
  tokens_.push_back(std::move(token));
}

void AddedTokens::split(std::string_view text, bool normalized, const Visit& visit) const {
  const TokenTrie& trie = normalized ? normalized_ : raw_;
  std::size_t gap_start = 0;
  std::size_t search_from = 0;
  while (const auto match = trie.find(text, search_from)) {
    const Token& token = tokens_[match->token];
    // The search goes on behind the token itself; white space taken along may reach further and even past the
    // start of the next hit, which then gets an empty left side.
    search_from = match->start + match->length;
    std::size_t start = match->start;
    std::size_t end = search_from;
    if (token.strips_left) start = skip_space_back(text, start, std::min(gap_start, start));
    if (token.strips_right) end = skip_space(text, end);
    start = std::max(start, gap_start);
    end = std::max(end, start);
    if (gap_start < start) visit(text.substr(gap_start, start - gap_start), std::nullopt);
    visit(text.substr(start, end - start), token.id);
    gap_start = end;
  }
  if (gap_start < text.size()) visit(text.substr(gap_start), std::nullopt);
}

std::optional<TableId> AddedTokens::find(std::string_view text) const {
  const auto found = by_text_.find(std::string(text));
  if (found == by_text_.end()) return std::nullopt;
  return tokens_[found->second].id;
}

const std::string* AddedTokens::find_text(TableId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second].text;
}

bool AddedTokens::is_special(TableId id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() && tokens_[found->second].special;
}

}  // namespace lacuna
