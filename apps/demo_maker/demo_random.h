// Random choices of the demo maker: the same on every machine and with every standard library.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace lacuna {

class DemoRandom {
 public:
  explicit DemoRandom(std::uint64_t seed) : engine_(seed) {}

  // Uniform in [0, bound), bound >= 1, without bias.
  std::size_t below(std::size_t bound) {
    // std::mt19937_64 is specified to the bit, the library's distributions are not.
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t value = engine_();
    while (value >= limit) value = engine_();
    return static_cast<std::size_t>(value % bound);
  }

  template <class T>
  const T& pick(const std::vector<T>& items) {
    return items[below(items.size())];
  }

  template <class Container>
  void shuffle(Container& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace lacuna
