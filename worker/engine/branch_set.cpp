#include "worker/engine/branch_set.h"

#include <algorithm>

namespace lacuna {

BranchSet::BranchSet(std::vector<BranchSpec> specs, SequenceCache cache) : cache_(std::move(cache)) {
  Lane lane;
  for (BranchSpec& spec : specs) {
    lane.branches.push_back(static_cast<std::int64_t>(branches_.size()));
    branches_.emplace_back().spec = spec;
  }
  lanes_.push_back(std::move(lane));
}

TokenId BranchSet::next_token(const Lane& lane) const {
  return branches_[static_cast<std::size_t>(lane.branches.front())].tokens.back();
}

void BranchSet::regroup(const std::vector<bool>& is_done) {
  std::vector<Lane> regrouped;
  for (const Lane& lane : lanes_) {
    std::vector<Lane> parts;
    for (const std::int64_t branch : lane.branches) {
      if (is_done[static_cast<std::size_t>(branch)]) continue;
      const TokenId token = branches_[static_cast<std::size_t>(branch)].tokens.back();
      const auto part = std::find_if(parts.begin(), parts.end(),
                                     [&](const Lane& candidate) { return next_token(candidate) == token; });
      if (part != parts.end()) {
        part->branches.push_back(branch);
        continue;
      }
      Lane added;
      added.branches.push_back(branch);
      if (parts.empty()) {
        added.slot = lane.slot;
      } else if (!free_slots_.empty()) {
        added.slot = free_slots_.back();
        free_slots_.pop_back();
      } else {
        added.slot = slots_in_use_++;
      }
      if (added.slot != lane.slot) cache_.fork(lane.slot, added.slot);
      parts.push_back(std::move(added));
    }
    if (parts.empty()) free_slots_.push_back(lane.slot);
    std::move(parts.begin(), parts.end(), std::back_inserter(regrouped));
  }
  lanes_ = std::move(regrouped);
}

}  // namespace lacuna
