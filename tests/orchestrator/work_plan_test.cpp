#include "orchestrator/work_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace lacuna {
namespace {

ExperimentConfig make_config(std::vector<LacMode> modes) {
  ExperimentConfig config;
  config.models = {{.name = "a", .path = {}}, {.name = "b", .path = {}}};
  config.benchmarks.resize(2);
  config.benchmarks[0].name = "mmlu";
  config.benchmarks[1].name = "boolq";
  config.lac.modes = std::move(modes);
  config.lac.alphas = {0.1, 0.2};
  config.compute.unit_questions = 4;
  return config;
}

TEST(WorkPlan, CoversEveryQuestionOncePerModelAndStream) {
  const auto plan = make_work_plan(make_config({LacMode::kExit, LacMode::kPropagate}), {10, 4});
  std::map<std::tuple<int, int, StreamKind>, std::int64_t> next;
  std::set<UnitId> ids;
  for (const WorkUnit& unit : plan) {
    auto& expected = next[{unit.model.value(), unit.benchmark.value(), unit.stream}];
    EXPECT_EQ(unit.first_question.value(), expected);
    EXPECT_GE(unit.question_count, 1);
    EXPECT_LE(unit.question_count, 4);
    expected += unit.question_count;
    EXPECT_TRUE(ids.insert(unit.id).second) << unit.id.value();
  }
  ASSERT_EQ(next.size(), 8U);
  for (const auto& [key, questions] : next) EXPECT_EQ(questions, std::get<1>(key) == 0 ? 10 : 4);
  EXPECT_EQ(plan.size(), 2U * 2U * (3U + 1U));
  EXPECT_EQ(count_questions(plan), 2 * 2 * 14);
}

TEST(WorkPlan, IdsAreStable) {
  const auto plan = make_work_plan(make_config({LacMode::kPropagate}), {5, 0});
  ASSERT_EQ(plan.size(), 8U);
  EXPECT_EQ(plan[0].id, UnitId("a+mmlu+shared+0000000"));
  EXPECT_EQ(plan[1].id, UnitId("a+mmlu+shared+0000004"));
  EXPECT_EQ(plan[1].question_count, 1);
  EXPECT_EQ(plan[2].id, UnitId("a+mmlu+propagate+0000000"));
  EXPECT_EQ(plan[4].id, UnitId("b+mmlu+shared+0000000"));
}

TEST(WorkPlan, BaselineRunsWhateverIsAskedFor) {
  for (const auto& modes : {std::vector<LacMode>{}, {LacMode::kExit}, {LacMode::kPropagate}}) {
    const auto plan = make_work_plan(make_config(modes), {1, 1});
    EXPECT_EQ(plan[0].stream, StreamKind::kShared);
  }
  for (const WorkUnit& unit : make_work_plan(make_config({LacMode::kExit}), {9, 9})) {
    EXPECT_EQ(unit.stream, StreamKind::kShared);
  }
}

TEST(WorkPlan, NeedsACountForEveryBenchmark) {
  EXPECT_THROW(make_work_plan(make_config({}), {1}), std::logic_error);
}

}  // namespace
}  // namespace lacuna
