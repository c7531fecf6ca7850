// The random numbers of Python's `random.Random(seed)`, for orders that lm-evaluation-harness draws with
// them: MT19937 seeded by init_by_array (Matsumoto and Nishimura 2002), rejection sampling of the top bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace lacuna {

class PythonRandom {
 public:
  // As random.Random(seed) for an int seed.
  explicit PythonRandom(std::uint32_t seed);

  // A number from 0 to bound - 1, as _randbelow draws it; 1 <= bound < 2^32.
  std::uint32_t draw_below(std::uint32_t bound);

  // random.shuffle.
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i-- > 1;) {
      std::swap(items[i], items[draw_below(static_cast<std::uint32_t>(i + 1))]);
    }
  }

  // Positions that random.sample picks: `count` different ones of 0 .. size - 1; count <= size < 2^31.
  std::vector<std::uint32_t> sample(std::uint32_t size, std::uint32_t count);

 private:
  std::mt19937 engine_;
};

}  // namespace lacuna
