// The question files hold the questions that were drawn, as the benchmark readers see them.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "apps/demo_maker/demo_data_files.h"
#include "apps/demo_maker/demo_samples.h"
#include "apps/demo_maker/demo_words.h"
#include "tests/temporary_folder.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna::testing {
namespace {

std::unique_ptr<Benchmark> load(const std::string& kind, const std::filesystem::path& path) {
  BenchmarkConfig config;
  config.name = config.kind = kind;
  config.path = path;
  if (kind == "gpqa") config.choice_order = "fixed";
  return load_benchmark(config, 3);
}

// The category that a word belongs to or names.
std::string find_category(const std::string& word) {
  for (const WordCategory& category : demo_categories()) {
    const auto& words = category.words;
    if (category.name == word || std::find(words.begin(), words.end(), word) != words.end())
      return category.name;
  }
  ADD_FAILURE() << "unknown word " << word;
  return "";
}

TEST(DemoWords, EveryWordHasOneCategory) {
  std::set<std::string> seen;
  for (const WordCategory& category : demo_categories()) {
    EXPECT_TRUE(seen.insert(category.name).second) << category.name;
    for (const std::string& word : category.words) EXPECT_TRUE(seen.insert(word).second) << word;
  }
}

TEST(DemoFiles, CategoryQuestionsComeBackWithTheRightKey) {
  const TemporaryFolder directory;
  const DemoTestSet set = draw_test_set(5, {});
  write_test_files(directory.path(), set);
  const auto benchmark = load("mmlu", directory.path() / "mmlu");
  ASSERT_EQ(benchmark->size(), static_cast<std::int64_t>(set.category_test.size()));
  std::map<std::string, int> golds;
  for (std::int64_t i = 0; i < benchmark->size(); ++i) {
    const Question& question = benchmark->question(QuestionIndex(i));
    const std::string asked = question.text.substr(std::string("Which of these is a ").size());
    for (std::size_t place = 0; place < 4; ++place) {
      const bool fits = find_category(question.choices[place]) + "?" == asked;
      EXPECT_EQ(fits, question.gold == std::string(1, static_cast<char>('A' + place))) << question.text;
    }
    ++golds[question.gold];
  }
  for (const auto& [gold, count] : golds) EXPECT_EQ(count, benchmark->size() / 4) << gold;
}

TEST(DemoFiles, AnalogiesComeBackWithTheRightKey) {
  const TemporaryFolder directory;
  const DemoTestSet set = draw_test_set(5, {});
  write_test_files(directory.path(), set);
  const auto benchmark = load("gpqa", directory.path() / "gpqa.csv");
  ASSERT_EQ(benchmark->size(), static_cast<std::int64_t>(set.analogies.size()));
  for (std::int64_t i = 0; i < benchmark->size(); ++i) {
    const Question& question = benchmark->question(QuestionIndex(i));
    const std::string asked = question.text.substr(question.text.rfind(' ') + 1);
    for (std::size_t place = 0; place < 4; ++place) {
      const bool fits = find_category(question.choices[place]) + "?" == asked;
      EXPECT_EQ(fits, question.gold == std::string(1, static_cast<char>('A' + place))) << question.text;
    }
  }
}

TEST(DemoFiles, PassagesComeBackWithTheRightKey) {
  const TemporaryFolder directory;
  const DemoTestSet set = draw_test_set(5, {});
  write_test_files(directory.path(), set);
  const auto benchmark = load("boolq", directory.path() / "boolq.jsonl");
  ASSERT_EQ(benchmark->size(), static_cast<std::int64_t>(set.passages.size()));
  for (std::size_t i = 0; i < set.passages.size(); ++i) {
    const Question& question = benchmark->question(QuestionIndex(static_cast<std::int64_t>(i)));
    const PassageQuestion& drawn = set.passages[i];
    EXPECT_EQ(question.text, drawn.question);
    // "NAME likes WORD." or "NAME hates WORD."; asked is "does NAME like WORD".
    const bool liked = drawn.passage.find(" likes ") != std::string::npos;
    EXPECT_EQ(question.gold, liked ? "true" : "false") << drawn.passage << ' ' << drawn.question;
    const std::string thing = question.text.substr(question.text.rfind(' ') + 1);
    EXPECT_NE(drawn.passage.find(thing + "."), std::string::npos) << drawn.passage << ' ' << drawn.question;
  }
}

TEST(DemoFiles, NoTestQuestionIsTrainedOn) {
  const TemporaryFolder directory;
  const DemoTestSet set = draw_test_set(5, {});
  write_test_files(directory.path() / "data", set);
  std::set<std::string> asked;
  for (const DemoText& text : read_test_texts(directory.path() / "data")) asked.insert(text.user_message);
  EXPECT_EQ(asked.size(), set.category_test.size() + set.analogies.size() + set.passages.size());
  const auto training = make_training_texts(6, 8000, set, directory.path());
  EXPECT_GE(training.size(), 8000U);
  for (const DemoText& text : training) EXPECT_FALSE(asked.contains(text.user_message)) << text.user_message;
}

TEST(DemoQuestions, OrderDoesNotCountAsContent) {
  const ChoiceQuestion one{.question = "q", .choices = {"a", "b", "c", "d"}};
  const ChoiceQuestion other{.question = "q", .choices = {"d", "a", "c", "b"}, .answer = 2};
  const ChoiceQuestion different{.question = "q", .choices = {"a", "b", "c", "e"}};
  EXPECT_EQ(describe_content(one), describe_content(other));
  EXPECT_NE(describe_content(one), describe_content(different));
}

}  // namespace
}  // namespace lacuna::testing
