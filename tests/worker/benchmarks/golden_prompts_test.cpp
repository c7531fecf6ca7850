#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/reference_files.h"
#include "tests/worker/benchmarks/benchmark_config.h"
#include "worker/benchmarks/benchmark.h"
#include "worker/benchmarks/text_file.h"

namespace lacuna {
namespace {

using Json = nlohmann::json;

std::filesystem::path data() {
  return testing::reference_root() / "data";
}

std::vector<Json> golden(const std::string& benchmark) {
  std::vector<Json> entries;
  std::istringstream lines(read_text_file(data() / "golden_prompts.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    Json entry = Json::parse(line);
    if (entry["benchmark"] == benchmark) entries.push_back(std::move(entry));
  }
  EXPECT_EQ(entries.size(), 20U);
  return entries;
}

// Continuations and their characters as the harness's entry has them.
void expect_continuations(const Benchmark& benchmark, QuestionIndex index, const Json& entry) {
  std::vector<std::string> texts;
  for (const Continuation& continuation : benchmark.harness_continuations(index)) {
    texts.push_back(continuation.text);
    EXPECT_EQ(continuation.characters, static_cast<std::int64_t>(continuation.text.size()) - 1);
  }
  EXPECT_EQ(texts, entry.value("continuations", std::vector<std::string>()));
}

// An entry whose gold is a position among the continuations.
void expect_harness_entry(const Benchmark& benchmark, QuestionIndex index, const Json& entry) {
  EXPECT_EQ(benchmark.harness_context(index), entry["context"].get<std::string>());
  expect_continuations(benchmark, index, entry);
  EXPECT_EQ(benchmark.harness_continuations(index).at(entry["gold"].get<std::size_t>()).choice,
            benchmark.question(index).gold);
}

TEST(GoldenPrompts, Mmlu) {
  LACUNA_NEEDS_REFERENCE("data/golden_prompts.jsonl");
  BenchmarkConfig config = testing::make_config("mmlu", data() / "mmlu");
  const auto paper = load_benchmark(config, 0);
  config.protocol = "harness";
  const auto zero_shot = load_benchmark(config, 0);
  config.shots = 5;
  const auto five_shot = load_benchmark(config, 0);
  std::map<std::string, QuestionIndex> index_of;
  for (std::int64_t i = 0; i < paper->size(); ++i) {
    index_of[paper->question(QuestionIndex(i)).id.value()] = QuestionIndex(i);
  }
  for (const Json& entry : golden("MMLU")) {
    SCOPED_TRACE(entry["id"].get<std::string>());
    const std::string id = "mmlu/" + entry["input"]["subject"].get<std::string>() + "/test/" +
                           std::to_string(entry["source"]["row"].get<int>());
    ASSERT_TRUE(index_of.contains(id));
    const QuestionIndex index = index_of.at(id);
    EXPECT_EQ(paper->question(index).text, entry["input"]["question"].get<std::string>());
    EXPECT_EQ(paper->question(index).choices, entry["input"]["choices"].get<std::vector<std::string>>());
    EXPECT_EQ(paper->user_message(index), entry["author"]["user"].get<std::string>());
    EXPECT_EQ(paper->question(index).gold, entry["author"]["true_answer"].get<std::string>());
    expect_harness_entry(*zero_shot, index, entry["lm_eval_0shot"]);
    expect_harness_entry(*five_shot, index, entry["lm_eval_5shot"]);
  }
}

TEST(GoldenPrompts, Boolq) {
  LACUNA_NEEDS_REFERENCE("data/golden_prompts.jsonl");
  const auto benchmark = load_benchmark(testing::make_config("boolq", data() / "boolq/dev.jsonl"), 0);
  for (const Json& entry : golden("BoolQ")) {
    SCOPED_TRACE(entry["id"].get<std::string>());
    const QuestionIndex index(entry["source"]["line"].get<std::int64_t>());
    EXPECT_EQ(benchmark->user_message(index), entry["author"]["user"].get<std::string>());
    EXPECT_EQ(benchmark->question(index).gold == "true", entry["author"]["true_answer"].get<bool>());
    expect_harness_entry(*benchmark, index, entry["lm_eval_0shot"]);
  }
}

TEST(GoldenPrompts, Gpqa) {
  LACUNA_NEEDS_REFERENCE("data/golden_prompts.jsonl");
  // Read as a directory, the two files are one after the other, as the golden shuffles want it.
  BenchmarkConfig config = testing::make_config("gpqa", data() / "gpqa_format");
  config.choice_order = "author";
  const auto paper = load_benchmark(config, 0);
  const std::map<std::string, std::string> variants = {{"lm_eval_zeroshot", "zeroshot"},
                                                       {"lm_eval_cot_zeroshot", "cot_zeroshot"},
                                                       {"lm_eval_n_shot_0", "n_shot"}};
  config.protocol = "harness";
  config.choice_order.clear();
  std::int64_t row = 0;
  for (const Json& entry : golden("GPQA")) {
    SCOPED_TRACE(entry["id"].get<std::string>());
    const QuestionIndex index(row++);
    const Question& question = paper->question(index);
    EXPECT_EQ(paper->user_message(index), entry["author"]["user"].get<std::string>());
    EXPECT_EQ(question.gold, entry["author"]["true_letter"].get<std::string>());
    EXPECT_EQ(question.choices.at(3), entry["author"]["true_answer"].get<std::string>());
    for (const auto& [name, variant] : variants) {
      SCOPED_TRACE(name);
      config.variant = variant;
      const auto harness = load_benchmark(config, 0);
      EXPECT_EQ(harness->harness_context(index), entry[name]["context"].get<std::string>());
      expect_continuations(*harness, index, entry[name]);
      EXPECT_EQ("(" + harness->question(index).gold + ")", entry[name]["gold"].get<std::string>());
      if (entry[name].contains("choices")) {
        EXPECT_EQ(harness->question(index).choices, entry[name]["choices"].get<std::vector<std::string>>());
      }
    }
  }
}

}  // namespace
}  // namespace lacuna
