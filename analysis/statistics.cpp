#include "analysis/statistics.h"

#include <algorithm>
#include <cmath>

namespace lacuna {

Interval wilson_interval(std::int64_t successes, std::int64_t trials) {
  constexpr double kZ = 1.959964;  // the 97.5 % point of the normal distribution
  const auto n = static_cast<double>(trials);
  const double p = static_cast<double>(successes) / n;
  const double scale = 1 + kZ * kZ / n;
  const double centre = (p + kZ * kZ / (2 * n)) / scale;
  const double half_width = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n)) / scale;
  return {.low = std::max(0.0, centre - half_width), .high = std::min(1.0, centre + half_width)};
}

double mcnemar_exact_p(std::int64_t only_first, std::int64_t only_second) {
  const std::int64_t n = only_first + only_second;
  if (n == 0) return 1;
  const auto total = static_cast<double>(n);
  // The binomial terms from the far tail inwards, so that small ones are not lost; logarithms, as C(n, k)
  // overflows.
  double tail = 0;
  for (std::int64_t k = n; k >= std::max(only_first, only_second); --k) {
    const auto hits = static_cast<double>(k);
    tail += std::exp(std::lgamma(total + 1) - std::lgamma(hits + 1) - std::lgamma(total - hits + 1) -
                     total * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

}  // namespace lacuna
