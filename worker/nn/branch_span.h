// Which rows of a decode pass belong to which sequence.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/nn/sequence_cache.h"

namespace lacuna {

// Branches of one prompt: rows first_row, first_row + 1, ... of the pass, in the slots given.
struct BranchSpan {
  std::int64_t first_row = 0;
  std::vector<std::int64_t> slots;
  SequenceCache* cache = nullptr;  // outlives the backend
};

}  // namespace lacuna
