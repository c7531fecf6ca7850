// One run of the inference benchmark: what every group of figures gets, and the groups that need nothing but
// LibTorch.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/benchmark_report.h"
#include "bench/machine_bounds.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

struct BenchmarkRun {
  const CausalLm& model;
  std::int64_t streamed_bytes = 0;  // that a decode step reads of the weights
  BoundMeter& meter;                // sampled before every figure that has a bound
  std::int64_t repetitions = 5;
  bool quick = false;                              // smaller batches, less repetition
  std::function<void(const Figure&)> report = {};  // called with each figure as soon as it is there
};

// Prompt tokens a second: one prompt of 128 and of 512 tokens, and a packed batch.
void measure_prefill(const BenchmarkRun& run);
// Tokens a second by the number of sequences that are decoded together.
void measure_decode(const BenchmarkRun& run);
// What LAC (norms, decisions of nine thresholds, kept states) adds to plain passes, in percent.
void measure_lac_overhead(const BenchmarkRun& run);

}  // namespace lacuna
