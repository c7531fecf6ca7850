#include "apps/sweep/sweep_preparation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/temporary_folder.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Two models, one made for 1000 positions and one for more than anybody asks for; one prompt of 960 tokens.
class SweepPreparationTest : public ::testing::Test {
 protected:
  SweepPreparationTest() {
    folder.write("small/config.json", "{}");
    folder.write("large/config.json", "{}");
    folder.write("boolq.jsonl", R"({"question": "q", "passage": "p", "answer": true})"
                                "\n"
                                R"({"question": "r", "passage": "p", "answer": false})"
                                "\n");
    folder.write("e.yaml", R"(
models: [{name: small, path: small}, {name: large, path: large}]
benchmarks: [{benchmark: boolq, path: boolq.jsonl}]
lac: {alphas: [0.5]}
)");
  }

  [[nodiscard]] std::vector<std::string> warnings_of(std::vector<std::string> overrides) const {
    const InferenceParts inference{
        .check_model =
            [](const ModelConfig& model, const std::vector<BenchmarkConfig>&) {
              ModelSummary summary;
              summary.max_positions = model.name == "small" ? 1000 : 1'000'000;
              return summary;
            },
        .find_long_prompts =
            [](const ExperimentConfig&, ModelIndex, BenchmarkIndex, std::int64_t most_tokens) {
              return most_tokens < 960 ? LongPrompts{.questions = 1, .longest = 960} : LongPrompts{};
            },
        .count_gpus = {},
        .make_executor = {},
        .describe_device = {}};
    return prepare_sweep({.experiment_file = folder.path() / "e.yaml", .overrides = std::move(overrides)},
                         inference)
        .warnings;
  }

  testing::TemporaryFolder folder;
};

TEST_F(SweepPreparationTest, PromptsThatTheModelWasNotMadeForAreWarnedOf) {
  EXPECT_THAT(warnings_of({"generation.max_new_tokens=40"}), IsEmpty());
  EXPECT_THAT(warnings_of({"generation.max_new_tokens=41"}),
              ElementsAre(AllOf(HasSubstr("small on boolq: 1 of 2 questions"), HasSubstr("1000 positions"),
                                HasSubstr("960 tokens, an answer up to 41"))));
}

TEST_F(SweepPreparationTest, WithoutAnswersOnlyThePromptCounts) {
  EXPECT_THAT(warnings_of({"generation.max_new_tokens=500", "benchmarks.0.scoring=[loglik]"}), IsEmpty());
}

}  // namespace
}  // namespace lacuna
