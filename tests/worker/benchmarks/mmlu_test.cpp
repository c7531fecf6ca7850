#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/benchmarks/reader_errors.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Mmlu : public ::testing::Test {
 protected:
  Mmlu() {
    folder_.write("test/virology_test.csv", "q v,1,2,3,4,D\r\nq w,1,2,3,4,A");
    folder_.write("test/astronomy_test.csv", "\" why \"\"so\"\"\n\xC2\xA0\", a,b ,None,d,C\n");
    folder_.write("dev/virology_dev.csv", "e 1 ,k,l,m,n,B\ne 2,k,l,m,n,C\n");
    folder_.write("dev/astronomy_dev.csv", "f 1,k,l,m,n,A\nf 2,k,l,m,n,D\n");
    folder_.write("README", "not a CSV file");
    config_.kind = "mmlu";
    config_.path = folder_.path();
  }
  [[nodiscard]] std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    const auto benchmark = load_benchmark(config_, 0);
    for (std::int64_t i = 0; i < benchmark->size(); ++i) {
      ids.push_back(benchmark->question(QuestionIndex(i)).id.value());
    }
    return ids;
  }
  [[nodiscard]] std::string error() const {
    return testing::input_error_of([&] { load_benchmark(config_, 0); });
  }

  testing::TemporaryFolder folder_;
  BenchmarkConfig config_;
};

TEST_F(Mmlu, ReadsSubjectsInAlphabeticalOrder) {
  EXPECT_THAT(ids(), ElementsAre("mmlu/astronomy/test/0", "mmlu/virology/test/0", "mmlu/virology/test/1"));
}

TEST_F(Mmlu, TrimsNothing) {
  const auto benchmark = load_benchmark(config_, 0);
  const Question& question = benchmark->question(QuestionIndex(0));
  EXPECT_EQ(question.text, " why \"so\"\n\xC2\xA0");
  EXPECT_THAT(question.choices, ElementsAre(" a", "b ", "None", "d"));
  EXPECT_EQ(question.gold, "C");
  EXPECT_EQ(benchmark->user_message(QuestionIndex(0)),
            "\n    Question:\n     why \"so\"\n\xC2\xA0\n\n    Options:\n    A.  a\nB. b \nC. None\nD. d\n\n"
            "    Output format:\n    [Option]\n\n    ");
}

TEST_F(Mmlu, WarnsOfFilesThatAreNotTheOriginals) {
  EXPECT_THAT(load_benchmark(config_, 0)->warnings(),
              ElementsAre(AllOf(HasSubstr("test/astronomy_test.csv, "), HasSubstr("test/virology_test.csv: "),
                                HasSubstr("damaged or was edited"), Not(HasSubstr("_dev.csv")))));
  config_.protocol = "harness";
  config_.shots = 1;
  EXPECT_THAT(load_benchmark(config_, 0)->warnings(), ElementsAre(HasSubstr("dev/virology_dev.csv: ")));
}

TEST_F(Mmlu, SaysNothingOfFilesOfSomebodysOwn) {
  config_.path = folder_.write("alchemy_test.csv", "q,1,2,3,4,D\n");
  EXPECT_THAT(load_benchmark(config_, 0)->warnings(), IsEmpty());
}

TEST_F(Mmlu, WritesTheHarnessPrompt) {
  config_.protocol = "harness";
  config_.shots = 2;
  const auto benchmark = load_benchmark(config_, 0);
  const HarnessPrompt prompt = benchmark->harness_prompt(QuestionIndex(0));
  EXPECT_EQ(prompt.description,
            "The following are multiple choice questions (with answers) about astronomy.\n\n");
  EXPECT_EQ(prompt.examples,
            "f 1\nA. k\nB. l\nC. m\nD. n\nAnswer: A\n\nf 2\nA. k\nB. l\nC. m\nD. n\nAnswer: D\n\n");
  EXPECT_EQ(prompt.question, "why \"so\"\nA.  a\nB. b \nC. None\nD. d\nAnswer:");
  EXPECT_EQ(benchmark->harness_context(QuestionIndex(0)),
            prompt.description + prompt.examples + prompt.question);
  const auto continuations = benchmark->harness_continuations(QuestionIndex(0));
  ASSERT_EQ(continuations.size(), 4U);
  EXPECT_EQ(continuations[3].text, " D");
  EXPECT_EQ(continuations[3].choice, "D");
  EXPECT_EQ(continuations[3].characters, 1);
}

TEST_F(Mmlu, SelectsSubjectsGroupsAndAFirstPart) {
  config_.subjects = {"virology"};
  EXPECT_THAT(ids(), ElementsAre("mmlu/virology/test/0", "mmlu/virology/test/1"));
  EXPECT_THAT(files_of(config_), ElementsAre(folder_.path() / "test/virology_test.csv"));
  config_.subjects = {"other", "stem"};
  config_.limit = 2;
  EXPECT_THAT(ids(), ElementsAre("mmlu/astronomy/test/0", "mmlu/virology/test/0"));
  config_.limit = 1'000'000;
  EXPECT_THAT(ids(), ::testing::SizeIs(3));
}

TEST_F(Mmlu, NamesTheSubjectsThereAre) {
  config_.subjects = {"alchemy"};
  EXPECT_THAT(error(), HasSubstr("unknown subject 'alchemy'"));
  EXPECT_THAT(error(), HasSubstr("the subjects are astronomy, virology; the groups are stem"));
  config_.subjects = {"humanities"};
  EXPECT_THAT(error(), HasSubstr("unknown subject 'humanities'"));
  config_.subjects = {""};
  EXPECT_THAT(error(), HasSubstr("unknown subject ''"));
}

TEST_F(Mmlu, AcceptsTheSplitFolderAndASingleFile) {
  config_.protocol = "harness";
  config_.shots = 1;
  for (const auto& path : {folder_.path() / "test", folder_.path() / "test/"}) {
    config_.path = path;
    EXPECT_THAT(ids(), ::testing::SizeIs(3)) << path;
    EXPECT_THAT(load_benchmark(config_, 0)->harness_prompt(QuestionIndex(0)).examples, HasSubstr("f 1"));
  }
  config_.path = folder_.path() / "test/virology_test.csv";
  EXPECT_THAT(ids(), ElementsAre("mmlu/virology/test/0", "mmlu/virology/test/1"));
  EXPECT_THAT(load_benchmark(config_, 0)->harness_prompt(QuestionIndex(0)).examples, HasSubstr("e 1\n"));
  EXPECT_THAT(files_of(config_), ElementsAre(config_.path, folder_.path() / "dev/virology_dev.csv"));
}

TEST_F(Mmlu, ReadsOtherSplits) {
  config_.split = "dev";
  EXPECT_THAT(ids(), ElementsAre("mmlu/astronomy/dev/0", "mmlu/astronomy/dev/1", "mmlu/virology/dev/0",
                                 "mmlu/virology/dev/1"));
  config_.split = "val";
  EXPECT_THAT(error(), HasSubstr("no MMLU files of split 'val'"));
  config_.split = "../test";
  EXPECT_THAT(error(), HasSubstr("is not a folder's name"));
}

TEST_F(Mmlu, NeedsEnoughExamples) {
  config_.protocol = "harness";
  config_.shots = 3;
  EXPECT_THAT(error(), HasSubstr("there are 2 examples of astronomy"));
  std::filesystem::remove(folder_.path() / "dev/virology_dev.csv");
  EXPECT_THAT(error(), HasSubstr("virology_dev.csv: no such file"));
}

TEST_F(Mmlu, RefusesMalformedRowsWithTheirPlace) {
  folder_.write("test/virology_test.csv", "\"q\nq\",1,2,3,4,D\nq,1,2,3,D\n");
  EXPECT_THAT(error(), HasSubstr("virology_test.csv:3: row 2 has 5 cells"));
  folder_.write("test/virology_test.csv", "q,1,2,3,4,D\nq,1,2,3,4,d\n");
  EXPECT_THAT(error(), HasSubstr("virology_test.csv:2:11: row 2, column 6 (key): not one of A, B, C, D"));
  folder_.write("test/virology_test.csv", "question,A,B,C,D,answer\nq,1,2,3,4,D\n");
  EXPECT_THAT(error(), HasSubstr("have no header row"));
  folder_.write("test/virology_test.csv", "q,1,2,3,4,D\nq,1,\"2,3,4,D\n");
  EXPECT_THAT(error(), HasSubstr("virology_test.csv:2:5: row 2"));
}

TEST_F(Mmlu, ReadsExportsOfTheHub) {
  const testing::TemporaryFolder hub;
  hub.write(
      "test.jsonl",
      R"({"question": " why \"so\"\n\u00a0", "subject": "astronomy", "choices": [" a", "b ", "None", "d"], "answer": 2})"
      "\n"
      R"({"question": "q v", "subject": "virology", "choices": ["1", "2", "3", "4"], "answer": 3})"
      "\n"
      R"({"question": "q w", "subject": "virology", "choices": ["1", "2", "3", "4"], "answer": "A"})"
      "\n");
  hub.write("dev.jsonl",
            R"({"question": "f 1", "subject": "astronomy", "choices": ["k", "l", "m", "n"], "answer": 0})");
  const std::vector<std::string> csv_ids = ids();
  const std::string csv_message = load_benchmark(config_, 0)->user_message(QuestionIndex(0));
  config_.path = hub.path();
  EXPECT_EQ(ids(), csv_ids);
  EXPECT_EQ(load_benchmark(config_, 0)->user_message(QuestionIndex(0)), csv_message);
  config_.path = hub.path() / "test.jsonl";
  config_.subjects = {"stem"};
  config_.protocol = "harness";
  config_.shots = 1;
  EXPECT_THAT(ids(), ElementsAre("mmlu/astronomy/test/0"));
  EXPECT_THAT(load_benchmark(config_, 0)->harness_prompt(QuestionIndex(0)).examples, HasSubstr("f 1\nA. k"));
  config_.subjects = {"law"};
  EXPECT_THAT(error(), HasSubstr("the subjects are astronomy, virology"));
}

TEST_F(Mmlu, RefusesMalformedExports) {
  const auto error_of = [&](std::string_view line) {
    config_.path = folder_.write("export.jsonl", line);
    return error();
  };
  EXPECT_THAT(error_of(R"({"question": "q", "subject": "s", "choices": ["1", "2", "3", "4"], "answer": 4})"),
              HasSubstr("export.jsonl:1: row 1, field 'answer': 4 is not one of 0, 1, 2, 3"));
  EXPECT_THAT(error_of(R"({"question": "q", "subject": "s", "choices": ["1", "2", "3"], "answer": 1})"),
              HasSubstr("3 choices instead of 4"));
  EXPECT_THAT(error_of(R"({"question": "q", "subject": "s", "choices": ["1", 2, "3", "4"], "answer": 1})"),
              HasSubstr("element 2 is number"));
  EXPECT_THAT(error_of(R"({"question": "q", "choices": ["1", "2", "3", "4"], "answer": 1})"),
              HasSubstr("field 'subject': missing"));
}

}  // namespace
}  // namespace lacuna
