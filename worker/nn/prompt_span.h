// Which tokens of a prompt pass belong to which sequence.
#pragma once

#include <cstdint>

#include "worker/nn/sequence_cache.h"

namespace lacuna {

struct PromptSpan {
  std::int64_t first_token = 0;  // in the pass
  std::int64_t tokens = 0;
  SequenceCache* cache = nullptr;  // outlives the backend
  std::int64_t position = 0;       // of the first token in its prompt; what precedes it is in the cache
};

}  // namespace lacuna
