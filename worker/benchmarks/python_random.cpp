#include "worker/benchmarks/python_random.h"

#include <array>
#include <bit>
#include <numeric>
#include <unordered_set>

namespace lacuna {
namespace {

constexpr std::size_t kStateWords = 624;

// init_by_array with a key of one word, in the form in which std::mt19937 takes its initial state.
class InitByArray {
 public:
  using result_type = std::uint32_t;

  explicit InitByArray(std::uint32_t key) : key_(key) {}

  template <class Iterator>
  void generate(Iterator first, Iterator last) const {
    const std::array<std::uint32_t, kStateWords> words = make_state();
    for (std::size_t i = 0; first != last; ++first, ++i) *first = words.at(i);
  }

 private:
  [[nodiscard]] std::array<std::uint32_t, kStateWords> make_state() const {
    std::array<std::uint32_t, kStateWords> state{};
    state[0] = 19650218U;
    for (std::uint32_t i = 1; i < kStateWords; ++i) state[i] = 1812433253U * mix(state[i - 1]) + i;
    std::size_t i = 1;
    const auto advance = [&] {
      if (++i < kStateWords) return;
      state[0] = state[kStateWords - 1];
      i = 1;
    };
    for (std::size_t round = 0; round < kStateWords; ++round) {
      state[i] = (state[i] ^ (mix(state[i - 1]) * 1664525U)) + key_;
      advance();
    }
    for (std::size_t round = 1; round < kStateWords; ++round) {
      state[i] = (state[i] ^ (mix(state[i - 1]) * 1566083941U)) - static_cast<std::uint32_t>(i);
      advance();
    }
    state[0] = 0x80000000U;
    return state;
  }

  static std::uint32_t mix(std::uint32_t word) { return word ^ (word >> 30U); }

  std::uint32_t key_;
};

std::mt19937 make_engine(std::uint32_t seed) {
  InitByArray state(seed);
  return std::mt19937(state);
}

}  // namespace

PythonRandom::PythonRandom(std::uint32_t seed) : engine_(make_engine(seed)) {}

std::uint32_t PythonRandom::draw_below(std::uint32_t bound) {
  const auto dropped_bits = static_cast<std::uint32_t>(std::countl_zero(bound));
  for (;;) {
    const auto drawn = static_cast<std::uint32_t>(engine_()) >> dropped_bits;
    if (drawn < bound) return drawn;
  }
}

std::vector<std::uint32_t> PythonRandom::sample(std::uint32_t size, std::uint32_t count) {
  // Python picks from a shrinking pool if that is smaller than the set it would need otherwise.
  std::uint64_t set_size = 21;
  if (count > 5) {
    std::uint64_t table = 1;
    while (table < std::uint64_t{count} * 3) table *= 4;
    set_size += table;
  }
  std::vector<std::uint32_t> picked(count);
  if (size <= set_size) {
    std::vector<std::uint32_t> pool(size);
    std::iota(pool.begin(), pool.end(), 0U);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t j = draw_below(size - i);
      picked[i] = pool[j];
      pool[j] = pool[size - i - 1];
    }
    return picked;
  }
  std::unordered_set<std::uint32_t> seen;
  for (std::uint32_t& pick : picked) {
    do pick = draw_below(size);
    while (!seen.insert(pick).second);
  }
  return picked;
}

}  // namespace lacuna
