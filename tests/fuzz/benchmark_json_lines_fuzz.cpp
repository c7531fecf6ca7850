// JSON lines from anywhere, taken for BoolQ and for exports of MMLU and GPQA.
#include "tests/fuzz/benchmark_questions.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lacuna;
  BenchmarkConfig config;
  config.path = testing::fuzz_folder().write("test.jsonl", testing::view_input(data, size));
  for (const char* const kind : {"boolq", "mmlu", "gpqa"}) {
    config.name = config.kind = kind;
    testing::read_in_every_way(config);
  }
  return 0;
}
