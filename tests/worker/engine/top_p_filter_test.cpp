#include "worker/engine/top_p_filter.h"

#include <gtest/gtest.h>

#include "worker/engine/token_chooser.h"

namespace lacuna {
namespace {

TEST(TopPFilter, KeepsAnEntryIfTheSumBeforeItReachesTheBoundExactly) {
  // Probabilities 1/2, 1/4, 1/8, 1/8: exact in binary, so the sums before them are 0, 1/2, 3/4, 7/8.
  const at::Tensor logits = at::log(at::tensor({0.5F, 0.25F, 0.125F, 0.125F})).unsqueeze(0);
  const at::Tensor kept = filter_top_p(logits, 1.0, 0.6).probabilities;
  EXPECT_NEAR(kept[0][0].item<float>(), 2.0 / 3.0, 1e-6);
  EXPECT_NEAR(kept[0][1].item<float>(), 1.0 / 3.0, 1e-6);
  EXPECT_EQ(kept[0][2].item<float>(), 0.0F);
}

TEST(TopPFilter, TheFirstEntryAlwaysStays) {
  const FilteredDistribution filtered = filter_top_p(at::tensor({1.0F, 9.0F, 2.0F}).unsqueeze(0), 0.5, 1e-9);
  EXPECT_EQ(filtered.sorted_ids[0][0].item<std::int64_t>(), 1);
  EXPECT_EQ(filtered.probabilities[0][0].item<float>(), 1.0F);
}

TEST(GreedyChooser, TakesTheLowestIdAmongEquals) {
  GreedyChooser chooser;
  const QuestionId question("q");
  const std::vector<ChoiceContext> contexts = {{.logits_row = 0, .question = &question}};
  EXPECT_EQ(chooser.choose(at::tensor({1.0F, 3.0F, 3.0F, 0.0F}).unsqueeze(0), contexts).front(), TokenId(1));
}

TEST(TopPChooser, DrawsDependOnSeedQuestionAndStepAlone) {
  const at::Tensor logits = at::zeros({2, 1000});
  const QuestionId one("one"), other("other");
  const auto draw = [&](std::uint64_t seed, const QuestionId& question, std::int64_t row, std::int64_t branch,
                        std::int64_t step) {
    const std::vector<ChoiceContext> contexts = {
        {.logits_row = row, .question = &question, .branch = branch, .step = step}};
    return TopPChooser(1.0, 1.0, seed).choose(logits, contexts).front();
  };
  const TokenId token = draw(1, one, 0, 0, 0);
  EXPECT_EQ(draw(1, one, 1, 5, 0), token);
  EXPECT_NE(draw(2, one, 0, 0, 0), token);
  EXPECT_NE(draw(1, other, 0, 0, 0), token);
  EXPECT_NE(draw(1, one, 0, 0, 1), token);
}

TEST(TopPChooser, FrequenciesFollowTheDistribution) {
  const at::Tensor logits = at::log(at::tensor({0.6F, 0.3F, 0.1F})).unsqueeze(0);
  TopPChooser chooser(1.0, 0.85, 3);  // drops the last
  const QuestionId question("q");
  std::vector<int> counts(3);
  constexpr int kDraws = 3000;
  for (int step = 0; step < kDraws; ++step) {
    const std::vector<ChoiceContext> contexts = {
        {.logits_row = 0, .question = &question, .branch = 0, .step = step}};
    ++counts[static_cast<std::size_t>(chooser.choose(logits, contexts).front().value())];
  }
  EXPECT_NEAR(counts[0] / static_cast<double>(kDraws), 2.0 / 3.0, 0.04);
  EXPECT_EQ(counts[2], 0);
}

}  // namespace
}  // namespace lacuna
