#include "worker/nn/kernels/top_p_choice.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

#include "worker/nn/kernels/exponential.h"

namespace lacuna {
namespace {

constexpr std::uint32_t kHalves = 1U << 16U;
constexpr std::uint32_t kSign = 0x8000U;
constexpr std::uint32_t kInfinity = 0x7F80U;
constexpr std::uint32_t kNoNumber = 0x7FFFU;

LACUNA_INLINE std::uint16_t upper_half(BFloat16 value) {
  return static_cast<std::uint16_t>(value);
}
// A NaN's upper half may be that of infinity.
LACUNA_INLINE std::uint16_t upper_half(float value) {
  return static_cast<std::uint16_t>(value == value ? std::bit_cast<std::uint32_t>(value) >> 16U : kNoNumber);
}

// One row of logits and what is asked of it. A bucket are the entries with the same upper half of a float32;
// bucket 0 holds -0, too, which equals 0.
template <class T>
class Row {
 public:
  Row(const T* logits, std::int64_t count, double temperature)
      : logits_(logits), count_(count), temperature_(static_cast<float>(temperature)) {}

  void count_entries(std::vector<std::uint32_t>& counts) const {
    counts.assign(kHalves, 0);
    std::uint32_t* const count_of = counts.data();
    // Logits of many rows come from memory, and asking ahead takes less than the processor's own guesses.
    constexpr std::int64_t kBlock = 32;  // a cache line of bfloat16
    constexpr std::int64_t kAhead = 2048;
    for (std::int64_t begin = 0; begin < count_; begin += kBlock) {
      __builtin_prefetch(logits_ + std::min(begin + kAhead, count_ - 1));
      const std::int64_t end = std::min(begin + kBlock, count_);
      for (std::int64_t i = begin; i < end; ++i) ++count_of[upper_half(logits_[i])];
    }
    counts[0] += counts[kSign];
    counts[kSign] = 0;
    // What is no number is no entry.
    std::fill(counts.begin() + kInfinity + 1, counts.begin() + kSign, 0U);
    std::fill(counts.begin() + kSign + kInfinity + 1, counts.end(), 0U);
  }

  // Positions of a bucket's entries, by falling logits, equal ones by rising position.
  void list_members(std::uint32_t bucket, std::vector<std::int64_t>& members) const {
    constexpr std::int64_t kBlock = 64;  // most blocks have none, and a look at a whole one takes no branch
    // In 16 bits, so that a vector holds many.
    const auto half = static_cast<std::uint16_t>(bucket);
    const auto also = static_cast<std::uint16_t>(bucket == 0 ? kSign : bucket);
    const auto is_member = [&](std::int64_t i) {
      const std::uint16_t found = upper_half(logits_[i]);
      return static_cast<std::uint16_t>((found == half ? 1 : 0) | (found == also ? 1 : 0));
    };
    members.clear();
    for (std::int64_t begin = 0; begin < count_; begin += kBlock) {
      const std::int64_t end = std::min(begin + kBlock, count_);
      std::uint16_t found = 0;
      for (std::int64_t i = begin; i < end; ++i) found = static_cast<std::uint16_t>(found | is_member(i));
      if (found == 0) continue;
      for (std::int64_t i = begin; i < end; ++i) {
        if (is_member(i) != 0) members.push_back(i);
      }
    }
    if constexpr (std::is_same_v<T, float>) {
      std::ranges::stable_sort(members, std::ranges::greater(), [&](std::int64_t i) { return logits_[i]; });
    }
  }

  void set_largest(float logit) { largest_ = logit / temperature_; }

  // Of softmax, not normalised: 1 for the largest logit.
  [[nodiscard]] double weight_at(std::int64_t position) const { return weigh(widen(logits_[position])); }

  void sum_weights(TopPScratch& scratch) const {
    if constexpr (std::is_same_v<T, float>) {
      scratch.masses.assign(kHalves, 0);
      for (std::int64_t i = 0; i < count_; ++i) scratch.masses[upper_half(logits_[i])] += weight_at(i);
      scratch.masses[0] += scratch.masses[kSign];
      for (LogitBucket& bucket : scratch.buckets) bucket.mass = scratch.masses[bucket.half];
    } else {
      for (LogitBucket& bucket : scratch.buckets)
        bucket.mass = bucket.entries * weigh(std::bit_cast<float>(bucket.half << 16U));
    }
  }

 private:
  [[nodiscard]] double weigh(float logit) const { return exponentiate(logit / temperature_ - largest_); }

  const T* logits_;
  std::int64_t count_;
  float temperature_;
  float largest_ = 0;
};

// The buckets that have entries, from the largest logits on.
void list_buckets(const std::vector<std::uint32_t>& counts, std::vector<LogitBucket>& buckets) {
  buckets.clear();
  constexpr std::uint32_t kBlock = 64;  // most have no entries, and a look at a whole block takes no branch
  const auto is_empty = [&](std::uint32_t first) {
    std::uint32_t entries = 0;
    for (std::uint32_t half = first; half < first + kBlock; ++half) entries |= counts[half];
    return entries == 0;
  };
  const auto add = [&](std::uint32_t half) {
    if (counts[half] > 0) buckets.push_back({.half = half, .entries = counts[half]});
  };
  for (std::uint32_t first = kSign; first > 0;) {
    first -= kBlock;
    if (is_empty(first)) continue;
    for (std::uint32_t half = first + kBlock; half-- > first;) add(half);
  }
  for (std::uint32_t first = kSign; first < kHalves; first += kBlock) {
    if (is_empty(first)) continue;
    for (std::uint32_t half = first; half < first + kBlock; ++half) add(half);
  }
}

// Where the running sum of the weights exceeds a limit.
struct Crossing {
  double sum = 0;              // up to and with that entry, of all if none exceeds it
  std::int64_t position = -1;  // of that entry
};

// Stops at the entry `last` in any case.
template <class T>
Crossing find_crossing(const Row<T>& row, double limit, std::int64_t last, TopPScratch& scratch) {
  Crossing crossing;
  for (const LogitBucket& bucket : scratch.buckets) {
    if (crossing.sum + bucket.mass <= limit) {
      crossing.sum += bucket.mass;
      continue;
    }
    row.list_members(bucket.half, scratch.members);
    for (const std::int64_t position : scratch.members) {
      crossing.sum += row.weight_at(position);
      crossing.position = position;
      if (crossing.sum > limit || position == last) break;
    }
    break;
  }
  return crossing;
}

}  // namespace

template <class T>
std::int64_t choose_top_p(const T* logits, std::int64_t count, const TopPSettings& settings, double noise,
                          TopPScratch& scratch) {
  Row<T> row(logits, count, settings.temperature);
  row.count_entries(scratch.counts);
  list_buckets(scratch.counts, scratch.buckets);
  if (scratch.buckets.empty()) return 0;
  float largest = std::bit_cast<float>(scratch.buckets.front().half << 16U);
  if (std::is_same_v<T, float> || !std::isfinite(largest)) {
    row.list_members(scratch.buckets.front().half, scratch.members);
    const std::int64_t first = scratch.members.front();
    largest = widen(logits[first]);
    if (!std::isfinite(largest)) return first;
  }
  row.set_largest(largest);
  row.sum_weights(scratch);
  double total = 0;
  for (const LogitBucket& bucket : scratch.buckets) total += bucket.mass;
  // The last entry that stays is the first with which the sum exceeds top_p; the noise falls on one up to it.
  const Crossing kept = find_crossing(row, settings.top_p * total, /*last=*/-1, scratch);
  const Crossing drawn = find_crossing(row, noise * kept.sum, kept.position, scratch);
  return std::max<std::int64_t>(drawn.position >= 0 ? drawn.position : kept.position, 0);
}

template std::int64_t choose_top_p<float>(const float*, std::int64_t, const TopPSettings&, double,
                                          TopPScratch&);
template std::int64_t choose_top_p<BFloat16>(const BFloat16*, std::int64_t, const TopPSettings&, double,
                                             TopPScratch&);

}  // namespace lacuna
