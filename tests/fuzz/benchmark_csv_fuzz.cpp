// CSV from anywhere, taken for rows of MMLU and for a file of GPQA.
#include <algorithm>
#include <string>

#include "tests/fuzz/benchmark_questions.h"
#include "worker/benchmarks/csv_file.h"

namespace lacuna {
namespace {

std::string quote_cell(std::string_view cell) {
  std::string quoted = "\"";
  for (const char byte : cell) {
    quoted += byte;
    if (byte == '"') quoted += byte;
  }
  return quoted + '"';
}

std::string write_csv(const std::vector<CsvRow>& rows) {
  std::string text;
  for (const CsvRow& row : rows) {
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      text += (i > 0 ? "," : "") + quote_cell(row.cells[i].text);
    }
    text += "\r\n";
  }
  return text;
}

bool have_same_cells(const CsvRow& left, const CsvRow& right) {
  return std::equal(left.cells.begin(), left.cells.end(), right.cells.begin(), right.cells.end(),
                    [](const CsvCell& a, const CsvCell& b) { return a.text == b.text; });
}

}  // namespace
}  // namespace lacuna

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lacuna;
  const std::string_view input = testing::view_input(data, size);
  testing::allow_refusal([&] {
    const std::vector<CsvRow> rows = parse_csv(input, "x.csv");
    const std::vector<CsvRow> again = parse_csv(write_csv(rows), "y.csv");
    testing::require(std::equal(rows.begin(), rows.end(), again.begin(), again.end(), have_same_cells),
                     "cells written as CSV are read as they were");
  });
  BenchmarkConfig config;
  config.path = testing::fuzz_folder().write("subject_test.csv", input);
  for (const char* const kind : {"mmlu", "gpqa"}) {
    config.name = config.kind = kind;
    testing::read_in_every_way(config);
  }
  return 0;
}
