#include "worker/tokenizer/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>

namespace lacuna {

Vocabulary::Vocabulary(const Component& vocab) {
  if (!vocab.value().is_object()) vocab.refuse("it should be an object of tokens and their ids");
  std::size_t bytes = 0;
  std::size_t id_limit = 0;
  for (const auto& [token, id] : vocab.value().items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > kMaxTokenId) {
      vocab.refuse(fmt::format("the id of `{}` should be a whole number from 0 to {}", token, kMaxTokenId));
    }
    bytes += token.size();
    id_limit = std::max(id_limit, id.get<std::size_t>() + 1);
  }
  // The arena is filled once and never grows again. A file is at most 1 GiB, so 32-bit offsets do.
  arena_.reserve(bytes);
  text_of_.resize(id_limit);
  ids_.reserve(vocab.value().size());
  for (const auto& [token, value] : vocab.value().items()) {
    const auto id = value.get<TableId>();
    Text& text = text_of_[id];
    if (text.used) vocab.refuse(fmt::format("id {} is given to two tokens, one of them `{}`", id, token));
    text = {static_cast<std::uint32_t>(arena_.size()), static_cast<std::uint32_t>(token.size()), true};
    arena_ += token;
    ids_.emplace(std::string_view(arena_).substr(text.start, text.length), id);
  }
}

std::optional<TableId> Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string_view> Vocabulary::find_text(TableId id) const {
  if (id >= text_of_.size() || !text_of_[id].used) return std::nullopt;
  return std::string_view(arena_).substr(text_of_[id].start, text_of_[id].length);
}

}  // namespace lacuna
