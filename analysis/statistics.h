// Statistics of a results table: intervals of proportions, comparison of paired answers.
#pragma once

#include <cstdint>

namespace lacuna {

struct Interval {
  double low = 0;
  double high = 0;
};

// Wilson's score interval of a proportion, 95 % (z = 1.959964). 0 <= successes <= trials, trials > 0.
Interval wilson_interval(std::int64_t successes, std::int64_t trials);

// McNemar's exact two-sided p value: `only_first` and `only_second` count the questions that only one of two
// conditions answered right; min(1, 2 * P(X >= max)) for X ~ Binomial(only_first + only_second, 1/2). 1 if
// both are 0.
double mcnemar_exact_p(std::int64_t only_first, std::int64_t only_second);

}  // namespace lacuna
