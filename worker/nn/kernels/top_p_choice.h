// Nucleus (top-p) sampling of one row of logits on the CPU, without sorting it.
//
// Sorting 151,936 logits takes ten times as long as all else that a row of a batched decode step costs. What
// a draw needs is far less: where the kept entries end, and in which entry the noise falls. So entries are
// counted by the upper 16 bits of their logits; only the two buckets in which these places lie are looked at
// entry by entry.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/nn/kernels/bfloat16.h"

namespace lacuna {

struct TopPSettings {
  double temperature = 1;  // > 0
  double top_p = 1;        // in (0, 1]
};

// Entries whose logits have the same upper half.
struct LogitBucket {
  std::uint32_t half = 0;
  std::uint32_t entries = 0;
  double mass = 0;  // sum of the entries' weights
};

// Memory of a draw, for the next one to use again.
struct TopPScratch {
  std::vector<std::uint32_t> counts;  // by upper half
  std::vector<double> masses;         // by upper half; float32 logits only
  std::vector<LogitBucket> buckets;   // that have entries, by falling logits
  std::vector<std::int64_t> members;  // of one bucket
};

// The entry that `noise` in [0, 1) falls on: entries in the order of falling logits, equal ones by rising
// position; an entry of softmax(logits / temperature) stays if the sum of those before it is <= top_p (the
// first always stays); of those that stay, the first at which their running sum exceeds noise times their
// sum. The softmax in float32, sums in float64. NaN is never chosen. If the largest logit is not finite, its
// first position (0 if there is no number at all). T is float or BFloat16; count >= 1.
template <class T>
std::int64_t choose_top_p(const T* logits, std::int64_t count, const TopPSettings& settings, double noise,
                          TopPScratch& scratch);

}  // namespace lacuna
