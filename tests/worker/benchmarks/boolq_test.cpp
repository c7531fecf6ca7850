#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/benchmarks/reader_errors.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

QuestionIndex first() {
  return QuestionIndex(0);
}

class Boolq : public ::testing::Test {
 protected:
  [[nodiscard]] BenchmarkConfig config_for(std::string_view content,
                                           const std::string& protocol = "paper") const {
    BenchmarkConfig config;
    config.kind = "boolq";
    config.protocol = protocol;
    config.path = folder_.write("dev.jsonl", content);
    return config;
  }
  std::string error_of(std::string_view content) const {
    return testing::input_error_of([&] { load_benchmark(config_for(content), 0); });
  }

  testing::TemporaryFolder folder_;
};

TEST_F(Boolq, ReadsTheOriginalLayout) {
  const auto benchmark = load_benchmark(
      config_for("{\"question\": \"is a b\", \"title\": \"T\", \"answer\": true, \"passage\": \" P\\n\"}\n"
                 "{\"question\": \"is b a\", \"title\": \"T -- U\", \"answer\": false, \"passage\": \"x -- "
                 "y\"}\r\n"),
      0);
  ASSERT_EQ(benchmark->size(), 2);
  EXPECT_EQ(benchmark->question(first()).id, QuestionId("boolq/dev/0"));
  EXPECT_EQ(benchmark->question(first()).gold, "true");
  EXPECT_EQ(benchmark->question(QuestionIndex(1)).gold, "false");
  EXPECT_EQ(
      benchmark->user_message(first()),
      "\n    Respond to the given question based on the passage with True or False.\n    Passage:\n     P\n"
      "\n\n    Options:\n    is a b\n\n    Output Format:\n    [True/False]\n    ");
  EXPECT_EQ(benchmark->harness_context(first()), "T --  P\n\nQuestion: is a b?\nAnswer:");
  EXPECT_EQ(benchmark->harness_context(QuestionIndex(1)), "T -- U -- x -- y\nQuestion: is b a?\nAnswer:");
  const std::vector<Continuation> continuations = benchmark->harness_continuations(first());
  ASSERT_THAT(continuations, SizeIs(2));
  EXPECT_EQ(continuations[0].text, " no");
  EXPECT_EQ(continuations[0].choice, "false");
  EXPECT_EQ(continuations[1].text, " yes");
  EXPECT_EQ(continuations[1].characters, 3);
}

TEST_F(Boolq, TakesTheTitleOutOfSuperGluesPassage) {
  const std::string row = R"({"question": "q", "passage": "Ti -- P -- x", "idx": 0, "label": 1})";
  const auto benchmark = load_benchmark(config_for(row, "harness"), 0);
  EXPECT_EQ(benchmark->question(first()).gold, "true");
  EXPECT_THAT(benchmark->user_message(first()), HasSubstr("Passage:\n    P -- x\n"));
  EXPECT_EQ(benchmark->harness_context(first()), "Ti -- P -- x\nQuestion: q?\nAnswer:");
  EXPECT_THAT(benchmark->warnings(), IsEmpty());
}

TEST_F(Boolq, WarnsThatTheHubCopyHasNoTitles) {
  const std::string row = R"({"question": "q", "passage": "P", "answer": false})";
  EXPECT_THAT(load_benchmark(config_for(row, "harness"), 0)->warnings(),
              ElementsAre(HasSubstr("1 of 1 rows")));
  EXPECT_THAT(load_benchmark(config_for(row, "paper"), 0)->warnings(), IsEmpty());
}

TEST_F(Boolq, FindsTheFileInADirectory) {
  BenchmarkConfig config = config_for(R"({"question": "q", "passage": "P", "answer": false})");
  config.path = folder_.path();
  EXPECT_THAT(files_of(config), ElementsAre(folder_.path() / "dev.jsonl"));
  const auto file = folder_.write("validation.jsonl", "");
  config.split = "validation";
  EXPECT_THAT(files_of(config), ElementsAre(file));
  EXPECT_THAT(testing::input_error_of([&] { load_benchmark(config, 0); }), HasSubstr("holds no questions"));
}

TEST_F(Boolq, RefusesMalformedRows) {
  const std::string good = "{\"question\": \"q\", \"passage\": \"P\", \"answer\": false}\n";
  EXPECT_THAT(error_of(good + R"({"question": "q", "passage": "P", "answer": "true"})"),
              HasSubstr("dev.jsonl:2: row 2, field 'answer': true or false"));
  EXPECT_THAT(error_of(good + R"({"question": "q", "passage": "P"})"), HasSubstr("field 'answer': missing"));
  EXPECT_THAT(error_of(good + R"({"question": "q", "passage": "P", "label": -1})"),
              HasSubstr("the test split has no answers"));
  EXPECT_THAT(error_of(good + R"({"question": null, "passage": "P", "answer": true})"),
              HasSubstr("'question'"));
  EXPECT_THAT(error_of(good + "{\"question\": \"q\", \"passa"), HasSubstr("dev.jsonl:2:"));
}

TEST_F(Boolq, HasNoSubjectsAndTakesNoShots) {
  BenchmarkConfig config = config_for(R"({"question": "q", "passage": "P", "answer": false})", "harness");
  config.subjects = {"law"};
  EXPECT_THAT(testing::input_error_of([&] { load_benchmark(config, 0); }), HasSubstr("leave subjects out"));
  config.subjects.clear();
  config.shots = 1;
  EXPECT_THAT(testing::input_error_of([&] { load_benchmark(config, 0); }), HasSubstr("set shots to 0"));
}

}  // namespace
}  // namespace lacuna
