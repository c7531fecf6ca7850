#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/benchmarks/reader_errors.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Registry : public ::testing::Test {
 protected:
  // A config that loads.
  [[nodiscard]] BenchmarkConfig valid_config() const {
    BenchmarkConfig config;
    config.name = "mine";
    config.kind = "boolq";
    config.path =
        folder_.write("dev.jsonl", R"({"question": "q", "title": "t", "answer": true, "passage": "p"})");
    return config;
  }
  template <class Change>
  std::string error_after(Change change) const {
    BenchmarkConfig config = valid_config();
    change(config);
    const std::string error = testing::input_error_of([&] { load_benchmark(config, 0); });
    EXPECT_EQ(testing::input_error_of([&] { (void)files_of(config); }), error);
    return error;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(Registry, NamesKindsAndProtocols) {
  EXPECT_THAT(benchmark_kinds(), ElementsAre("boolq", "gpqa", "mmlu"));
  EXPECT_THAT(protocols_of("mmlu"), ElementsAre("paper", "harness"));
  EXPECT_THAT(testing::input_error_of([] { protocols_of("arc"); }),
              HasSubstr("use one of boolq, gpqa, mmlu"));
}

TEST_F(Registry, LoadsAValidConfig) {
  EXPECT_EQ(load_benchmark(valid_config(), 0)->size(), 1);
}

TEST_F(Registry, RefusesUnknownNamesAndNumbersOutOfRange) {
  EXPECT_THAT(error_after([](auto& c) { c.kind = "arc"; }), HasSubstr("use one of boolq, gpqa, mmlu"));
  EXPECT_THAT(error_after([](auto& c) { c.protocol = "helm"; }),
              HasSubstr("benchmark 'mine': unknown protocol 'helm'; use one of paper, harness"));
  EXPECT_THAT(error_after([](auto& c) { c.grading = "kind"; }), HasSubstr("use one of strict, lenient"));
  EXPECT_THAT(error_after([](auto& c) { c.limit = 0; }), HasSubstr("at least 1"));
  EXPECT_THAT(error_after([](auto& c) { c.limit = -3; }), HasSubstr("limit is -3"));
  EXPECT_THAT(error_after([](auto& c) { c.shots = -1; }), HasSubstr("0 or more"));
  EXPECT_THAT(error_after([](auto& c) { c.shots = 5; }), HasSubstr("protocol paper is zero-shot"));
  EXPECT_THAT(error_after([](auto& c) { c.scoring.clear(); }), HasSubstr("scoring is empty"));
  EXPECT_THAT(error_after([](auto& c) { c.chat_template = false; }), HasSubstr("prompts are chat messages"));
  EXPECT_THAT(error_after([](auto& c) { c.choice_order = "fixed"; }), HasSubstr("leave choice_order out"));
  EXPECT_THAT(error_after([](auto& c) { c.variant = "n_shot"; }), HasSubstr("leave variant out"));
  EXPECT_THAT(error_after([](auto& c) { c.path = "/does/not/exist"; }),
              HasSubstr("no such file or directory"));
}

TEST_F(Registry, RefusesAPositionOutOfRange) {
  const auto benchmark = load_benchmark(valid_config(), 0);
  EXPECT_THROW((void)benchmark->question(QuestionIndex(1)), std::out_of_range);
  EXPECT_THROW((void)benchmark->user_message(QuestionIndex(-1)), std::out_of_range);
}

TEST_F(Registry, ComparesWhatTheProtocolAsksFor) {
  const auto texts_of = [&](auto change) {
    BenchmarkConfig config = valid_config();
    change(config);
    std::vector<std::string> texts;
    for (const Continuation& continuation :
         list_continuations(*load_benchmark(config, 0), QuestionIndex(0), config)) {
      texts.push_back(
          fmt::format("{}|{}|{}", continuation.text, continuation.choice, continuation.characters));
    }
    return texts;
  };
  EXPECT_THAT(texts_of([](auto&) {}), ElementsAre("False|false|5", "True|true|4"));
  const auto as_harness = [](bool chat_template) {
    return [chat_template](auto& c) {
      c.protocol = "harness";
      c.chat_template = chat_template;
    };
  };
  EXPECT_THAT(texts_of(as_harness(false)), ElementsAre(" no|false|2", " yes|true|3"));
  EXPECT_THAT(texts_of(as_harness(true)), ElementsAre("no|false|2", "yes|true|3"));
}

TEST_F(Registry, GradesByTheConfiguredRule) {
  BenchmarkConfig config = valid_config();
  const std::string response = "The answer is True.";
  EXPECT_EQ(load_benchmark(config, 0)->grade(QuestionIndex(0), response).choice, "");
  EXPECT_FALSE(load_benchmark(config, 0)->grade(QuestionIndex(0), response).correct);
  config.grading = "lenient";
  EXPECT_EQ(load_benchmark(config, 0)->grade(QuestionIndex(0), response).choice, "true");
  EXPECT_TRUE(load_benchmark(config, 0)->grade(QuestionIndex(0), response).correct);
}

}  // namespace
}  // namespace lacuna
