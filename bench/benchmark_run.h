// One run of the inference benchmark: what every group of figures gets.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/benchmark_report.h"
#include "bench/forking_chooser.h"
#include "bench/machine_bounds.h"
#include "bench/model_passes.h"
#include "core/experiment_config.h"
#include "worker/models/causal_lm.h"

namespace lacuna {

// Questions that are answered from beginning to end.
struct QuestionSettings {
  std::int64_t count = 32;
  std::int64_t new_tokens = 16;
  std::int64_t per_unit = 32;        // answered together
  std::int64_t batch_tokens = 4096;  // as ComputeConfig::batch_tokens
  GenerationConfig generation = {};  // how tokens are chosen: sampling, temperature, top_p
  bool with_baseline = false;        // also the plain answer, as `lacuna run` always has it
  std::vector<std::int64_t> thresholds = {1, 3, 9, 17};
  std::vector<ForkPolicy> forks = {ForkPolicy::kModel, ForkPolicy::kNone, ForkPolicy::kWorst};
};

struct BenchmarkRun {
  const CausalLm& model;
  std::int64_t streamed_bytes = 0;  // that a decode step reads of the weights
  BoundMeter& meter;                // sampled before every figure that has a bound
  DataType dtype = DataType::kBFloat16;
  std::int64_t threads = 1;
  std::int64_t repetitions = 5;
  std::string python = {};     // an interpreter that has PyTorch and numpy
  std::string llama_cpp = {};  // a folder in which node-llama-cpp is installed
  QuestionSettings questions;
  bool quick = false;                              // smaller batches, less repetition
  std::function<void(const Figure&)> report = {};  // called with each figure as soon as it is there
};

// The least time that a decode step takes on this machine: weights and caches have to be read, products
// computed.
struct DecodeBound {
  const char* name = "";  // which of the two takes longer
  double seconds = 0;
};
DecodeBound find_decode_bound(const BenchmarkRun& run, const DecodeLoad& load);

// Our products of few and of many rows beside LibTorch's own.
void measure_products(const BenchmarkRun& run);

// Prompt tokens a second: one prompt of 128 and of 512 tokens, and a packed batch.
void measure_prefill(const BenchmarkRun& run);
// Tokens a second by the number of sequences that are decoded together.
void measure_decode(const BenchmarkRun& run);
// Time of passes with LAC (norms, decisions of nine thresholds, kept states) in percent of plain ones.
void measure_lac_overhead(const BenchmarkRun& run);
// Top-p draws a second from rows of logits, beside the way of sorting them.
void measure_sampling(const BenchmarkRun& run);
// Questions a second in mode exit by number of thresholds, what they cost relative to one, and the peak
// memory.
void measure_thresholds(const BenchmarkRun& run);
// Bytes on the disk for each traced token, and the author's JSON of the same content. Only in a build with
// HDF5.
void measure_store(const BenchmarkRun& run);
// Seconds from the start of a process to its first token, the checkpoint being on the disk.
void measure_startup(const BenchmarkRun& run);
// Nine thresholds against the procedure of the author's scripts.
void measure_against_author(const BenchmarkRun& run);
// Prompt passes and single-sequence decode against llama.cpp's of the same model.
void measure_against_llama_cpp(const BenchmarkRun& run);

}  // namespace lacuna
