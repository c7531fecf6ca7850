// What a kind of benchmark gives to the registry, and the checks of its config that all kinds share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/experiment_config.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna {

struct BenchmarkKind {
  std::string name;
  std::vector<std::string> protocols;
  // As files_of and load_benchmark (benchmark.h); called after check_common_config.
  std::vector<std::filesystem::path> (*files)(const BenchmarkConfig& config) = nullptr;
  std::unique_ptr<Benchmark> (*load)(const BenchmarkConfig& config, std::uint64_t seed) = nullptr;
};

// Each in its own file.
BenchmarkKind make_boolq_kind();
BenchmarkKind make_gpqa_kind();
BenchmarkKind make_mmlu_kind();

// Throws InputError with the benchmark's name in front of `problem`.
[[noreturn]] void fail_config(const BenchmarkConfig& config, const std::string& problem,
                              const std::string& why, const std::string& suggestion);

// Protocol, grading, limit, and shots as far as every kind agrees.
void check_common_config(const BenchmarkConfig& config, const BenchmarkKind& kind);
// For kinds that have no such option.
void reject_choice_order(const BenchmarkConfig& config);
void reject_variant(const BenchmarkConfig& config);
void reject_shots(const BenchmarkConfig& config, const std::string& why);
// Whether config.path is a directory; throws InputError if there is nothing.
bool path_is_directory(const BenchmarkConfig& config);

// Keeps the questions whose subject is in `config.subjects` (all if that is empty) and of these the first
// `config.limit`; returns their positions. Throws InputError that lists the subjects there are for a name
// that none has, and if nothing is left.
std::vector<std::size_t> select_questions(const BenchmarkConfig& config,
                                          const std::vector<Question>& questions);

}  // namespace lacuna
