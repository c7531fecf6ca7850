// The list of benchmarks: to add one, write its file, declare its make function in benchmark_kind.h and list
// it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "worker/benchmarks/benchmark_kind.h"

namespace lacuna {
namespace {

const std::vector<BenchmarkKind>& all_kinds() {
  static const std::vector<BenchmarkKind> kinds = {
      make_boolq_kind(),
      make_gpqa_kind(),
      make_mmlu_kind(),
  };
  return kinds;
}

const BenchmarkKind& find_kind(std::string_view name) {
  for (const BenchmarkKind& kind : all_kinds()) {
    if (kind.name == name) return kind;
  }
  throw InputError({.problem = fmt::format("unknown benchmark '{}'", name),
                    .suggestion = fmt::format("use one of {}", fmt::join(benchmark_kinds(), ", "))});
}

}  // namespace

std::vector<std::string> benchmark_kinds() {
  std::vector<std::string> names;
  for (const BenchmarkKind& kind : all_kinds()) names.push_back(kind.name);
  return names;
}

std::vector<std::string> protocols_of(std::string_view kind) {
  return find_kind(kind).protocols;
}

std::vector<std::filesystem::path> files_of(const BenchmarkConfig& config) {
  const BenchmarkKind& kind = find_kind(config.kind);
  check_common_config(config, kind);
  return kind.files(config);
}

std::unique_ptr<Benchmark> load_benchmark(const BenchmarkConfig& config, std::uint64_t seed) {
  const BenchmarkKind& kind = find_kind(config.kind);
  check_common_config(config, kind);
  return kind.load(config, seed);
}

}  // namespace lacuna
