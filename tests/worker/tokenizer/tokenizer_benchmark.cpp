// MB/s of the three real tokenizers on English prose (BoolQ passages): 2 KB documents, and one long string.
// Not a test: run build/.../bin/tokenizer_benchmark by hand from the repository root.
#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <string_view>

#include "tests/worker/tokenizer/golden_records.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {
namespace {

constexpr std::size_t kTextBytes = 900'000;  // distinct passages, so that the word cache is not flattered
constexpr std::size_t kDocumentBytes = 2048;

const std::string& prose() {
  static const std::string text = [] {
    std::string passages;
    for (const auto& record :
         testing::read_records(testing::reference_root() / "data" / "boolq" / "dev.jsonl")) {
      passages += record.at("passage").get<std::string>() + "\n";
    }
    passages.resize(std::min(passages.size(), kTextBytes));
    return passages;
  }();
  return text;
}

void encode(benchmark::State& state, const std::string& family, std::size_t piece_bytes) {
  const auto dir = testing::tokenizer_dir(family);
  if (!std::filesystem::exists(dir)) return state.SkipWithError("no reference files");
  const Tokenizer tokenizer = Tokenizer::load(dir);
  const std::string_view text = prose();
  for (auto unused : state) {
    for (std::size_t at = 0; at < text.size(); at += piece_bytes) {
      benchmark::DoNotOptimize(tokenizer.encode(text.substr(at, piece_bytes), false));
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(text.size()));
}

void load(benchmark::State& state, const std::string& family) {
  const auto dir = testing::tokenizer_dir(family);
  if (!std::filesystem::exists(dir)) return state.SkipWithError("no reference files");
  for (auto unused : state) benchmark::DoNotOptimize(Tokenizer::load(dir));
}

}  // namespace
}  // namespace lacuna

int main(int argc, char** argv) {
  for (const std::string& family : lacuna::testing::kFamilies) {
    benchmark::RegisterBenchmark((family + "/documents").c_str(), lacuna::encode, family,
                                 lacuna::kDocumentBytes);
    benchmark::RegisterBenchmark((family + "/one_string").c_str(), lacuna::encode, family,
                                 lacuna::kTextBytes);
    benchmark::RegisterBenchmark((family + "/load").c_str(), lacuna::load, family)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
