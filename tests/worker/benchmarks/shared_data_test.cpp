// Every file of the shared data set is read; its facts (data/README.md) come out; exports of it in the hub's
// layouts give the same prompts.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/reference_files.h"
#include "tests/worker/benchmarks/benchmark_config.h"
#include "tests/worker/benchmarks/reader_errors.h"
#include "worker/benchmarks/benchmark.h"
#include "worker/benchmarks/mmlu_checksums.h"
#include "worker/benchmarks/text_file.h"

namespace lacuna {
namespace {

using Json = nlohmann::json;

std::filesystem::path data() {
  return testing::reference_root() / "data";
}

std::map<std::string, std::int64_t> count_golds(const Benchmark& benchmark, const std::string& subject = "") {
  std::map<std::string, std::int64_t> counts;
  for (std::int64_t i = 0; i < benchmark.size(); ++i) {
    const Question& question = benchmark.question(QuestionIndex(i));
    if (subject.empty() || question.subject == subject) ++counts[question.gold];
  }
  return counts;
}

void expect_same_prompts(const Benchmark& a, const Benchmark& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const QuestionIndex index(i);
    EXPECT_EQ(a.user_message(index), b.user_message(index));
    EXPECT_EQ(a.harness_context(index), b.harness_context(index));
    EXPECT_EQ(a.question(index).gold, b.question(index).gold);
  }
}

TEST(SharedData, Mmlu) {
  LACUNA_NEEDS_REFERENCE("data/mmlu");
  BenchmarkConfig config = testing::make_config("mmlu", data() / "mmlu");
  const auto test = load_benchmark(config, 0);
  EXPECT_EQ(test->size(), 8275);
  using Counts = std::map<std::string, std::int64_t>;
  EXPECT_EQ(count_golds(*test, "professional_law"), (Counts{{"A", 377}, {"B", 367}, {"C", 415}, {"D", 375}}));
  EXPECT_EQ(count_golds(*test, "moral_scenarios"), (Counts{{"A", 213}, {"B", 217}, {"C", 221}, {"D", 244}}));
  EXPECT_EQ(count_golds(*test, "human_sexuality"), (Counts{{"A", 34}, {"B", 30}, {"C", 30}, {"D", 37}}));
  EXPECT_EQ(files_of(config).size(), 29U);
  config.split = "dev";
  EXPECT_EQ(load_benchmark(config, 0)->size(), 145);
}

// One byte, and what git does to line ends.
TEST(SharedData, MmluChecksumsTellADamagedCopy) {
  LACUNA_NEEDS_REFERENCE("data/mmlu");
  int files = 0;
  for (const char* const split : {"test", "dev"}) {
    for (const auto& entry : std::filesystem::directory_iterator(data() / "mmlu" / split)) {
      const std::filesystem::path file = entry.path();
      const std::string content = read_text_file(file);
      EXPECT_EQ(compare_with_original(file, content), MmluCopy::kOriginal) << file;
      std::string damaged = content;
      damaged[damaged.size() / 2] ^= 1;
      EXPECT_EQ(compare_with_original(file, damaged), MmluCopy::kDifferent) << file;
      EXPECT_EQ(compare_with_original(file, content.substr(0, content.size() - 3)), MmluCopy::kDifferent)
          << file;
      EXPECT_EQ(compare_with_original("own_test.csv", content), MmluCopy::kUnknown);
      ++files;
    }
  }
  EXPECT_EQ(files, 58);
  // The first ends its lines with LF, the second with CR LF and none after the last row.
  for (const char* const name : {"astronomy_test.csv", "clinical_knowledge_test.csv"}) {
    const std::string content = read_text_file(data() / "mmlu" / "test" / name);
    std::string unix_text;
    std::string dos_text;
    for (const char byte : content) {
      if (byte == '\r') continue;
      if (byte == '\n') dos_text += '\r';
      unix_text += byte;
      dos_text += byte;
    }
    const bool is_unix = content.find('\r') == std::string::npos;
    EXPECT_EQ(compare_with_original(name, unix_text),
              is_unix ? MmluCopy::kOriginal : MmluCopy::kOtherLineEnds);
    EXPECT_EQ(compare_with_original(name, dos_text),
              is_unix ? MmluCopy::kOtherLineEnds : MmluCopy::kOriginal);
    EXPECT_EQ(compare_with_original(name, content + "\n"), MmluCopy::kOtherLineEnds);
  }
  EXPECT_TRUE(load_benchmark(testing::make_config("mmlu", data() / "mmlu"), 0)->warnings().empty());
}

TEST(SharedData, MmluExport) {
  LACUNA_NEEDS_REFERENCE("data/mmlu");
  BenchmarkConfig config = testing::make_config("mmlu", data() / "mmlu");
  const auto original = load_benchmark(config, 0);
  std::string lines;
  for (std::int64_t i = 0; i < original->size(); ++i) {
    const Question& question = original->question(QuestionIndex(i));
    const Json row = {{"question", question.text},
                      {"subject", question.subject},
                      {"choices", question.choices},
                      {"answer", question.gold[0] - 'A'}};
    lines += row.dump(-1, ' ', i % 2 == 0) + "\n";  // every other line in ASCII
  }
  const testing::TemporaryFolder folder;
  folder.write("test.jsonl", lines);
  const auto exported = load_benchmark(testing::make_config("mmlu", folder.path()), 0);
  expect_same_prompts(*original, *exported);
  EXPECT_EQ(original->question(QuestionIndex(8000)).id, exported->question(QuestionIndex(8000)).id);
}

TEST(SharedData, Boolq) {
  LACUNA_NEEDS_REFERENCE("data/boolq/dev.jsonl");
  BenchmarkConfig config = testing::make_config("boolq", data() / "boolq");
  const auto original = load_benchmark(config, 0);
  EXPECT_EQ(original->size(), 1635);
  EXPECT_EQ(count_golds(*original)["true"], 1015);
  std::string escaped;
  std::string super_glue;
  std::istringstream lines(read_text_file(data() / "boolq/dev.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    escaped += row.dump(-1, ' ', true) + "\r\n";
    super_glue +=
        Json{{"question", row["question"]},
             {"passage", row["title"].get<std::string>() + " -- " + row["passage"].get<std::string>()},
             {"idx", 0},
             {"label", row["answer"].get<bool>() ? 1 : 0}}
            .dump() +
        "\n";
  }
  const testing::TemporaryFolder folder;
  const auto load = [&](const std::string& name, const std::string& content) {
    return load_benchmark(testing::make_config("boolq", folder.write(name, content)), 0);
  };
  expect_same_prompts(*original, *load("escaped.jsonl", escaped));
  expect_same_prompts(*original, *load("super_glue.jsonl", super_glue));
}

TEST(SharedData, Gpqa) {
  LACUNA_NEEDS_REFERENCE("data/gpqa_format");
  const auto load = [](const char* name) {
    return load_benchmark(testing::make_config("gpqa", data() / "gpqa_format" / name), 0);
  };
  const auto sample = load("gpqa_diamond_sample.csv");
  EXPECT_EQ(sample->size(), 12);
  EXPECT_EQ(load("gpqa_diamond_sample_more.csv")->size(), 8);
  EXPECT_EQ(sample->question(QuestionIndex(4)).id, QuestionId("recINVENTED0004"));
  EXPECT_EQ(sample->question(QuestionIndex(2)).subject, "Chemistry");
}

}  // namespace
}  // namespace lacuna
