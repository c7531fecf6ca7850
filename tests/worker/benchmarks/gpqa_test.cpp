#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/worker/benchmarks/reader_errors.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kHeader =
    "Pre-Revision Question,Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3,"
    "High-level domain,Record ID\r\n";

class Gpqa : public ::testing::Test {
 protected:
  Gpqa() {
    config_.kind = "gpqa";
    use("old,\"new\n\",  right  [title] x ,w1,\"w\r\n2\",,Physics,rec0\r\n"
        "old,second,r,x,y,z,Biology,rec1\n"
        "old,third,r,x,y,z,Biology,rec2");
  }
  void use(const std::string& rows) {
    config_.path = folder_.write("gpqa_x.csv", std::string(kHeader) + rows);
  }
  [[nodiscard]] std::unique_ptr<Benchmark> load(std::uint64_t seed = 0) const {
    return load_benchmark(config_, seed);
  }
  [[nodiscard]] std::string error() const {
    return testing::input_error_of([&] { load_benchmark(config_, 0); });
  }

  testing::TemporaryFolder folder_;
  BenchmarkConfig config_;
};

TEST_F(Gpqa, LooksColumnsUpByName) {
  const auto benchmark = load();
  ASSERT_EQ(benchmark->size(), 3);
  EXPECT_EQ(benchmark->question(QuestionIndex(0)).text, "new\n");
  EXPECT_EQ(benchmark->question(QuestionIndex(0)).id, QuestionId("rec0"));
  EXPECT_EQ(benchmark->question(QuestionIndex(0)).subject, "Physics");
}

TEST_F(Gpqa, AuthorsOrderPutsTheRightAnswerLastAndWarns) {
  config_.choice_order = "author";
  const auto benchmark = load();
  EXPECT_EQ(benchmark->question(QuestionIndex(0)).gold, "D");
  // A null cell is written as Python writes it.
  EXPECT_THAT(benchmark->question(QuestionIndex(0)).choices,
              ElementsAre("w1", "w\r\n2", "None", "  right  [title] x "));
  EXPECT_EQ(
      benchmark->user_message(QuestionIndex(0)),
      "\n    Question:\n    new\n\n\n    Options:\n    A. w1\nB. w\r\n2\nC. None\nD.   right  [title] x \n\n"
      "    Output format:\n    [Option]\n\n    ");
  EXPECT_THAT(benchmark->warnings(), ElementsAre(HasSubstr("right answer last")));
  EXPECT_EQ(benchmark->paper_continuations(QuestionIndex(0))[3].text, "D");
  EXPECT_FALSE(benchmark->has_normalized_accuracy());
}

TEST_F(Gpqa, FixedOrderIsTheDefaultAndDependsOnSeedAndIdAlone) {
  const auto benchmark = load(5);
  EXPECT_THAT(benchmark->warnings(), IsEmpty());
  config_.choice_order = "fixed";
  EXPECT_EQ(load(5)->user_message(QuestionIndex(1)), benchmark->user_message(QuestionIndex(1)));
  // Alone in another file, the question is shown as before.
  use("old,second,r,x,y,z,Biology,rec1\n");
  EXPECT_EQ(load(5)->user_message(QuestionIndex(0)), benchmark->user_message(QuestionIndex(1)));
  std::set<std::string> messages;
  std::set<std::string> golds;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto seeded = load(seed);
    const Question& question = seeded->question(QuestionIndex(0));
    messages.insert(seeded->user_message(QuestionIndex(0)));
    golds.insert(question.gold);
    EXPECT_EQ(question.choices.at(static_cast<std::size_t>(question.gold[0] - 'A')), "r");
  }
  EXPECT_GT(messages.size(), 15U);  // of 24
  EXPECT_EQ(golds.size(), 4U);
}

TEST_F(Gpqa, HarnessCleansAnswersAndShufflesRowByRow) {
  config_.protocol = "harness";
  const auto benchmark = load();
  // First shuffle of seed 0: 3 1 2 C.
  EXPECT_EQ(benchmark->harness_context(QuestionIndex(0)),
            "What is the correct answer to this question:new\n\nChoices:\n(A)  \n(B) w1\n(C) w\r\n2\n"
            "(D) right . x\nAnswer:");
  EXPECT_THAT(benchmark->question(QuestionIndex(0)).choices, ElementsAre(" ", "w1", "w\r\n2", "right . x"));
  // Second: 1 2 C 3.
  EXPECT_EQ(benchmark->question(QuestionIndex(1)).gold, "C");
  EXPECT_EQ(benchmark->harness_continuations(QuestionIndex(0))[2].text, " (C)");
  EXPECT_EQ(benchmark->harness_continuations(QuestionIndex(0))[2].characters, 3);
  EXPECT_TRUE(benchmark->has_normalized_accuracy());
  // A selection does not change the order: all rows are shuffled first.
  config_.subjects = {"Biology"};
  config_.limit = 1;
  const auto selected = load();
  ASSERT_EQ(selected->size(), 1);
  EXPECT_EQ(selected->harness_context(QuestionIndex(0)), benchmark->harness_context(QuestionIndex(1)));
}

TEST_F(Gpqa, HarnessKeyIsTheFirstEqualText) {
  use("o,q,same, same,b,c,Physics,rec0\n");
  config_.protocol = "harness";
  config_.choice_order = "author";
  EXPECT_EQ(load()->question(QuestionIndex(0)).gold, "A");
  config_.protocol = "paper";
  EXPECT_EQ(load()->question(QuestionIndex(0)).gold, "D");
}

TEST_F(Gpqa, ReplacesTwoSpacesOncePerPass) {
  use("o,q,a   b    c,x,y,z,Physics,rec0\n");
  config_.protocol = "harness";
  config_.choice_order = "author";
  EXPECT_EQ(load()->question(QuestionIndex(0)).choices[3], "a  b  c");
}

TEST_F(Gpqa, HasTheHarnesssVariants) {
  config_.protocol = "harness";
  config_.variant = "cot_zeroshot";
  EXPECT_THAT(load()->harness_context(QuestionIndex(1)),
              ::testing::EndsWith("(D) z\nLet's think step by step: "));
  EXPECT_THAT(load()->harness_continuations(QuestionIndex(1)), IsEmpty());
  config_.scoring = {Scoring::kGenerate, Scoring::kLoglik};
  EXPECT_THAT(error(),
              HasSubstr("scoring 'loglik' is given with variant 'cot_zeroshot': its answers are generated"));
  config_.variant = "n_shot";
  EXPECT_THAT(load()->harness_context(QuestionIndex(1)),
              ::testing::StartsWith(
                  "Here are some example questions from experts. Answer the final question yourself, "
                  "following the format of the previous questions exactly.\nQuestion: second\n"));
  config_.shots = 2;
  const auto benchmark = load();
  for (int i = 0; i < 3; ++i) {
    const HarnessPrompt prompt = benchmark->harness_prompt(QuestionIndex(i));
    EXPECT_THAT(prompt.examples, Not(HasSubstr(benchmark->question(QuestionIndex(i)).text)));
    for (int other = 0; other < 3; ++other) {
      if (other == i) continue;
      const Question& example = benchmark->question(QuestionIndex(other));
      EXPECT_THAT(prompt.examples, HasSubstr("Question: " + example.text + "\nChoices:\n"));
      EXPECT_THAT(prompt.examples, HasSubstr("\nAnswer: (" + example.gold + ")\n\n"));
    }
  }
  config_.shots = 3;
  EXPECT_THAT(error(), HasSubstr("the file's other 2 rows"));
}

TEST_F(Gpqa, RefusesUnknownNames) {
  config_.choice_order = "random";
  EXPECT_THAT(error(), HasSubstr("use one of fixed, author, harness"));
  config_.choice_order.clear();
  config_.variant = "n_shot";
  EXPECT_THAT(error(), HasSubstr("leave variant out"));
  config_.protocol = "harness";
  config_.variant = "five_shot";
  EXPECT_THAT(error(), HasSubstr("use one of zeroshot, cot_zeroshot, n_shot"));
  config_.variant = "zeroshot";
  config_.shots = 1;
  EXPECT_THAT(error(), HasSubstr("only variant n_shot"));
  config_.shots = 0;
  config_.subjects = {"Astrology"};
  EXPECT_THAT(error(), HasSubstr("the subjects are Biology, Physics"));
}

TEST_F(Gpqa, NumbersRowsWithoutAUsableId) {
  use("o,q,r,x,y,z,Physics,\no,q,r,x,y,z,Physics,rec1\no,q,r,x,y,z,Physics,rec1\no,q,r,x,y,z,Physics,a/b\n");
  const auto benchmark = load();
  EXPECT_EQ(benchmark->question(QuestionIndex(0)).id, QuestionId("gpqa/gpqa_x/0"));
  EXPECT_EQ(benchmark->question(QuestionIndex(1)).id, QuestionId("rec1"));
  EXPECT_EQ(benchmark->question(QuestionIndex(2)).id, QuestionId("gpqa/gpqa_x/2"));
  EXPECT_EQ(benchmark->question(QuestionIndex(3)).id, QuestionId("gpqa/gpqa_x/3"));
}

TEST_F(Gpqa, RefusesMalformedRowsWithoutQuotingThem) {
  const auto error_of = [&](const std::string& rows) {
    use(rows);
    const std::string message = error();
    EXPECT_THAT(message, Not(HasSubstr("secret")));
    return message;
  };
  EXPECT_THAT(error_of("o,secret,r,x,y,z,P,rec0\no,secret,r,x,y,z,P\n"),
              HasSubstr("gpqa_x.csv:3: row 2 has 7 cells: the header row has 8"));
  EXPECT_THAT(error_of("o,secret,,x,y,z,P,rec0\n"),
              HasSubstr("gpqa_x.csv:2:10: row 1, column 'Correct Answer'"));
  EXPECT_THAT(error_of("secret,,r,x,y,z,P,rec0\n"), HasSubstr("column 'Question': empty"));
  EXPECT_THAT(error_of("o,\"secret,r,x,y,z,P,rec0\n"), HasSubstr("gpqa_x.csv:2:3: row 2"));
  config_.path = folder_.write("y.csv", "Pre-Revision Question,Correct Answer\na,b\n");
  EXPECT_THAT(error(), HasSubstr("no column 'Question'"));
  config_.path = folder_.write("y.csv", "Question,Question\na,b\n");
  EXPECT_THAT(error(), HasSubstr("names column 2 twice"));
  config_.path = folder_.write("y.csv", "");
  EXPECT_THAT(error(), HasSubstr("the file is empty"));
  use("");
  EXPECT_THAT(error(), HasSubstr("holds no questions"));
}

TEST_F(Gpqa, ReadsExportsOfTheHub) {
  config_.choice_order = "author";
  const std::string from_csv = load()->user_message(QuestionIndex(0));
  config_.path = folder_.write(
      "train.jsonl",
      R"({"Pre-Revision Question": "old", "Question": "new\n", "Correct Answer": "  right  [title] x ", "Incorrect Answer 1": "w1", "Incorrect Answer 2": "w\r\n2", "Incorrect Answer 3": null, "Record ID": "rec0", "High-level domain": "Physics"})");
  const auto benchmark = load();
  EXPECT_EQ(benchmark->user_message(QuestionIndex(0)), from_csv);
  EXPECT_EQ(benchmark->question(QuestionIndex(0)).id, QuestionId("rec0"));
}

TEST_F(Gpqa, ReadsADirectory) {
  folder_.write("gpqa_y.csv",
                std::string("\xEF\xBB\xBF") + std::string(kHeader) + "o,other,r,x,y,z,Physics,rec9\n");
  config_.path = folder_.path();
  EXPECT_EQ(load()->size(), 4);
  EXPECT_EQ(load()->question(QuestionIndex(3)).id, QuestionId("rec9"));
  const auto diamond =
      folder_.write("gpqa_diamond.csv", std::string(kHeader) + "o,other,r,x,y,z,Physics,rec9\n");
  EXPECT_THAT(files_of(config_), ElementsAre(diamond));
  std::filesystem::rename(diamond, folder_.path() / "gpqa_z.csv");
  EXPECT_THAT(error(), HasSubstr("two rows have the id 'rec9'"));
}

}  // namespace
}  // namespace lacuna
