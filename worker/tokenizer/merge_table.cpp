#include "worker/tokenizer/merge_table.h"

#include <fmt/format.h>

#include <bit>
#include <string>
#include <string_view>
#include <utility>

namespace lacuna {
namespace {

std::pair<std::string_view, std::string_view> read_pair(const Component& merges, std::size_t index) {
  const auto& merge = merges.value()[index];
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
  }
  if (merge.is_string()) {
    const std::string_view text = merge.get_ref<const std::string&>();
    const auto space = text.find(' ');
    if (space != std::string_view::npos && text.find(' ', space + 1) == std::string_view::npos) {
      return {text.substr(0, space), text.substr(space + 1)};
    }
  }
  merges.refuse(fmt::format("merge {} should be \"left right\" or [\"left\", \"right\"]", index));
}

}  // namespace

MergeTable::MergeTable(const Component& merges, const Vocabulary& vocabulary) {
  if (!merges.value().is_array()) merges.refuse("it should be a list");
  const std::size_t count = merges.value().size();
  if (count >= kNoMerge) merges.refuse("too many merges");
  const std::size_t slots = std::bit_ceil(count * 2 + 2);
  slots_.resize(slots);
  mask_ = slots - 1;
  shift_ = 64U - static_cast<unsigned>(std::bit_width(mask_));
  products_.reserve(count);
  is_part_.resize(vocabulary.id_limit());
  std::string product;
  for (std::size_t index = 0; index < count; ++index) {
    const auto [left, right] = read_pair(merges, index);
    product.assign(left).append(right);
    const auto left_id = vocabulary.find(left);
    const auto right_id = vocabulary.find(right);
    const auto product_id = vocabulary.find(product);
    if (!left_id || !right_id || !product_id) {
      const std::string_view missing = !left_id ? left : !right_id ? right : product;
      merges.refuse(
          fmt::format("merge {} needs the token `{}`, which is not in the vocabulary", index, missing));
    }
    insert(*left_id, *right_id, static_cast<MergeRank>(index));
    products_.push_back(*product_id);
    is_part_[*left_id] = true;
    is_part_[*right_id] = true;
  }
}

void MergeTable::insert(TableId left, TableId right, MergeRank rank) {
  const std::uint64_t key = pack(left, right);
  std::size_t slot = home(key);
  while (slots_[slot].rank != kNoMerge && slots_[slot].key != key) slot = (slot + 1) & mask_;
  slots_[slot] = {key, rank};
}

}  // namespace lacuna
