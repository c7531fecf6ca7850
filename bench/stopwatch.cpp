#include "bench/stopwatch.h"

#include <algorithm>

namespace lacuna {

double Timings::best() const {
  return *std::min_element(seconds.begin(), seconds.end());
}

double Timings::median() const {
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

}  // namespace lacuna
