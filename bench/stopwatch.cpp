#include "bench/stopwatch.h"

#include <algorithm>
#include <numeric>

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

bool RepetitionRule::wants_more(const Timings& timings) const {
  const auto done = static_cast<std::int64_t>(timings.seconds.size());
  if (done < least) return true;
  const double total = std::accumulate(timings.seconds.begin(), timings.seconds.end(), 0.0);
  return total < enough_seconds && done < most();
}

Timings time_repeatedly(const at::Device& device, const RepetitionRule& rule,
                        const std::function<void()>& work) {
  work();
  Timings timings;
  while (rule.wants_more(timings)) timings.seconds.push_back(time_once(device, work));
  return timings;
}

}  // namespace lacuna
