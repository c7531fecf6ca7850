// An experiment: what is run, on what, and how. YAML in, these structs out (see experiment_yaml.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/records.h"

namespace lacuna {

// Arithmetic of weights and activations.
enum class DataType : std::uint8_t { kFloat32, kBFloat16 };
std::string_view to_string(DataType dtype);  // "float32", "bfloat16"
DataType parse_data_type(std::string_view name);

// Precision in which the norms, deltas and thresholds of LAC are computed.
enum class NormPrecision : std::uint8_t {
  kModel,    // rounded to the model's dtype after every operation, as the paper's released code does
  kFloat32,  // float32 norms of the stream, whatever its dtype
};
std::string_view to_string(NormPrecision precision);  // "model", "float32"
NormPrecision parse_norm_precision(std::string_view name);

// How a benchmark's questions are answered.
enum class Scoring : std::uint8_t {
  kGenerate,  // the model writes an answer, which is graded
  kLoglik,    // the choices are compared by the log-likelihoods that the model gives them
};
std::string_view to_string(Scoring scoring);  // "generate", "loglik"
Scoring parse_scoring(std::string_view name);

struct ModelConfig {
  std::string name;            // [A-Za-z0-9._-]+, unique; names the model in every result
  std::filesystem::path path;  // a directory as Hugging Face serves it; absolute after loading
};

struct BenchmarkConfig {
  std::string name;                   // [A-Za-z0-9._-]+, unique; names the benchmark in every result
  std::string kind;                   // a registered benchmark: "mmlu", "gpqa", "boolq"
  std::filesystem::path path;         // file or directory; absolute after loading
  std::string protocol = "paper";     // "paper" | "harness"
  std::string split = "test";         // MMLU: which folder of CSV files
  std::vector<std::string> subjects;  // empty: all
  std::optional<std::int64_t> limit;  // first so many questions; none: all
  std::int64_t shots = 0;             // few-shot examples (harness protocol)
  // GPQA: "fixed" (by seed and question id) | "author" (correct last) | "harness" (as lm-evaluation-harness
  // shuffles). Empty: fixed under protocol paper, harness under protocol harness.
  std::string choice_order;
  std::string variant;             // GPQA, harness: "zeroshot" (also if empty) | "cot_zeroshot" | "n_shot"
  std::string grading = "strict";  // "strict" | "lenient"
  std::vector<Scoring> scoring = {Scoring::kGenerate};  // at least one, in the order of the enum, no doubles
  // Whether prompts go through the model's chat template. Protocol paper: always. Protocol harness: by
  // default not, as lm-evaluation-harness without --apply_chat_template.
  bool chat_template = true;

  [[nodiscard]] bool asks_for(Scoring wanted) const;
};

struct LacConfig {
  std::vector<LacMode> modes = {LacMode::kExit};  // trace always runs: it is the baseline
  std::vector<double> alphas;                     // each in [0, 1], rising, no doubles
  NormPrecision norm_precision = NormPrecision::kModel;
};

struct GenerationConfig {
  bool greedy = true;                // sampling: greedy | top_p
  double temperature = 0.6;          // > 0; used if not greedy
  double top_p = 0.9;                // in (0, 1]; used if not greedy
  std::int64_t max_new_tokens = 50;  // response tokens at most, the stop token included
  std::uint64_t seed = 0;            // of the counter-based sampling noise and of "fixed" choice orders
  bool double_begin_token = true;    // tokenize the rendered chat text with special tokens, as the paper's
                                     // scripts do: a second begin token for Llama-3 and Mistral
};

struct ComputeConfig {
  DataType dtype = DataType::kBFloat16;
  std::string device = "auto";       // auto | cpu | cuda
  std::int64_t threads = 0;          // CPU threads a worker; 0: the node's cores shared out
  std::int64_t unit_questions = 16;  // questions a work unit
  std::int64_t batch_tokens = 4096;  // prompt tokens that go through the model together, at most
  double memory_share = 0.9;         // of the machine's memory that the node's CPU workers together may use
  double heartbeat_seconds = 300;    // a worker that makes no progress for so long is given up and replaced
  double grace_seconds = 60;         // after SIGTERM, SIGINT or SIGUSR1: time to finish the units in flight
};

struct StoreConfig {
  bool norms = true;         // keep per-token layer norms (any alpha can be evaluated afterwards)
  bool author_json = false;  // also write the paper author's sample_<i>.json files
};

struct ExperimentConfig {
  std::string name;
  std::filesystem::path output;  // the run directory; absolute after loading
  std::vector<ModelConfig> models;
  std::vector<BenchmarkConfig> benchmarks;
  LacConfig lac;
  GenerationConfig generation;
  ComputeConfig compute;
  StoreConfig store;
};

}  // namespace lacuna
