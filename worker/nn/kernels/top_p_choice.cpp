#include "worker/nn/kernels/top_p_choice.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

#include "worker/nn/kernels/exponential.h"
#include "worker/nn/kernels/row_kernels.h"

namespace lacuna {
namespace {

constexpr std::uint32_t kBuckets = 1U << 16U;
constexpr std::uint32_t kSign = 0x8000U;
constexpr std::uint32_t kInfinity = 0x7F80U;

// The upper half of a float32; -0 counts as 0, which it equals.
LACUNA_INLINE std::uint32_t bucket_of(float value) {
  return std::bit_cast<std::uint32_t>(value + 0.0F) >> 16U;
}

// One row of logits and what is asked of it.
template <class T>
class Row {
 public:
  Row(const T* logits, std::int64_t count, float largest, double temperature)
      : logits_(logits),
        count_(count),
        temperature_(static_cast<float>(temperature)),
        largest_(largest / temperature_) {}

  // Not normalised: 1 for the largest logit.
  [[nodiscard]] double weigh(float logit) const { return exponentiate(logit / temperature_ - largest_); }

  void fill_buckets(TopPScratch& scratch) const {
    scratch.counts.assign(kBuckets, 0);
    for (std::int64_t i = 0; i < count_; ++i) ++scratch.counts[bucket_of(widen(logits_[i]))];
    if constexpr (std::is_same_v<T, float>) {
      scratch.masses.assign(kBuckets, 0);
      for (std::int64_t i = 0; i < count_; ++i) {
        scratch.masses[bucket_of(logits_[i])] += weigh(logits_[i]);
      }
    }
  }

  [[nodiscard]] double mass_of(std::uint32_t bucket, const TopPScratch& scratch) const {
    if constexpr (std::is_same_v<T, float>) {
      return scratch.masses[bucket];
    } else {
      return scratch.counts[bucket] * weigh(std::bit_cast<float>(bucket << 16U));
    }
  }

  // Positions of a bucket's entries, by falling logits, equal ones by rising position.
  void list_members(std::uint32_t bucket, std::vector<std::int64_t>& members) const {
    constexpr std::int64_t kBlock = 256;  // most blocks have none, and a look at a whole one takes no branch
    members.clear();
    for (std::int64_t begin = 0; begin < count_; begin += kBlock) {
      const std::int64_t end = std::min(begin + kBlock, count_);
      std::uint32_t found = 0;
      for (std::int64_t i = begin; i < end; ++i) found |= bucket_of(widen(logits_[i])) == bucket ? 1U : 0U;
      if (found == 0) continue;
      for (std::int64_t i = begin; i < end; ++i) {
        if (bucket_of(widen(logits_[i])) == bucket) members.push_back(i);
      }
    }
    if constexpr (std::is_same_v<T, float>) {
      std::ranges::stable_sort(members, std::ranges::greater(), [&](std::int64_t i) { return logits_[i]; });
    }
  }

  [[nodiscard]] double weight_at(std::int64_t position) const { return weigh(widen(logits_[position])); }

 private:
  const T* logits_;
  std::int64_t count_;
  float temperature_;
  float largest_;
};

// Calls visit(bucket) for every bucket that has entries, from the largest logits on, until it returns true.
template <class Visit>
void visit_buckets(const std::vector<std::uint32_t>& counts, const Visit& visit) {
  for (std::uint32_t bucket = kInfinity; bucket > 0; --bucket) {
    if (counts[bucket] > 0 && visit(bucket)) return;
  }
  if (counts[0] > 0 && visit(0U)) return;
  for (std::uint32_t bucket = kSign; bucket <= kSign + kInfinity; ++bucket) {
    if (counts[bucket] > 0 && visit(bucket)) return;
  }
}

template <class T>
std::int64_t choose(const Row<T>& row, double top_p, double noise, TopPScratch& scratch) {
  row.fill_buckets(scratch);
  double total = 0;
  visit_buckets(scratch.counts, [&](std::uint32_t bucket) {
    total += row.mass_of(bucket, scratch);
    return false;
  });

  // Where the kept entries end.
  const double bound = top_p * total;
  double kept = 0;
  std::int64_t last = -1;  // of them, if they end within a bucket
  visit_buckets(scratch.counts, [&](std::uint32_t bucket) {
    const double mass = row.mass_of(bucket, scratch);
    if (kept + mass <= bound) {
      kept += mass;
      return false;
    }
    row.list_members(bucket, scratch.members);
    for (const std::int64_t position : scratch.members) {
      if (kept > bound) break;
      kept += row.weight_at(position);
      last = position;
    }
    return true;
  });

  // Where the noise falls among them.
  const double target = noise * kept;
  double passed = 0;
  std::int64_t chosen = 0;
  visit_buckets(scratch.counts, [&](std::uint32_t bucket) {
    const double mass = row.mass_of(bucket, scratch);
    if (passed + mass <= target) {
      passed += mass;
      return false;
    }
    row.list_members(bucket, scratch.members);
    for (const std::int64_t position : scratch.members) {
      chosen = position;
      passed += row.weight_at(position);
      if (passed > target || position == last) break;
    }
    return true;
  });
  return chosen;
}

}  // namespace

template <class T>
std::int64_t choose_top_p(const T* logits, std::int64_t count, const TopPSettings& settings, double noise,
                          TopPScratch& scratch) {
  const std::int64_t first = find_largest(logits, count);
  const float largest = widen(logits[first]);
  if (!std::isfinite(largest)) return first;
  return choose(Row<T>(logits, count, largest, settings.temperature), settings.top_p, noise, scratch);
}

template std::int64_t choose_top_p<float>(const float*, std::int64_t, const TopPSettings&, double,
                                          TopPScratch&);
template std::int64_t choose_top_p<BFloat16>(const BFloat16*, std::int64_t, const TopPSettings&, double,
                                             TopPScratch&);

}  // namespace lacuna
