// The sampler's distribution and the stop rule.
#include "tests/test_name.h"
#include "tests/worker/engine/golden_model.h"
#include "worker/engine/top_p_filter.h"

namespace lacuna::testing {
namespace {

class GoldenSampling : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenSampling, FilteredDistributionsMatch) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  const GoldenModel golden = open_golden(GetParam());
  const auto logits = golden.file.read<float>("/f32/sampling/logits");
  const auto settings = golden.read<float>("/f32/sampling/temperature_top_p");
  const auto ids = golden.read<std::int64_t>("/f32/sampling/sorted_ids");
  const auto probabilities = golden.read<float>("/f32/sampling/filtered_probs");
  const at::Tensor rows = at::tensor(logits.values).view(logits.shape).to(test_device());
  const std::size_t cases = settings.size() / 2;
  for (std::size_t index = 0; index < cases; ++index) {
    const FilteredDistribution filtered = filter_top_p(rows, settings[2 * index], settings[2 * index + 1]);
    EXPECT_LE(largest_difference(to_floats(filtered.probabilities), slice(probabilities, index, cases)),
              1e-6F);
    const at::Tensor kept = filtered.probabilities > 0;
    const at::Tensor golden_ids = at::tensor(slice(ids, index, cases)).view(logits.shape).to(rows.device());
    EXPECT_TRUE(at::equal(filtered.sorted_ids.masked_select(kept), golden_ids.masked_select(kept)));
  }
}

TEST_P(GoldenSampling, GenerationEndsAtTheStopToken) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  GoldenModel golden = open_golden(GetParam());
  const std::string group = "/f32/eos_stop";
  golden.alphas = {golden.file.read_scalar_attribute<double>(group, "alpha")};
  const auto prompt = golden.file.read_scalar_attribute<std::string>(group, "prompt");
  const auto stop = golden.file.read_scalar_attribute<std::int32_t>(group, "eos_token_id");
  const std::vector<GeneratorPrompt> prompts = {
      {QuestionId("p"), to_tokens(golden.read<std::int32_t>("/f32/" + prompt + "/input_ids"))}};
  GeneratorOptions options = make_golden_options(golden, LacMode::kExit, 50);
  options.stop_tokens = {TokenId(stop)};
  GreedyChooser chooser;
  const GeneratedQuestion question =
      std::move(Generator(golden.loaded.model, chooser, options).generate(prompts).front());
  std::vector<std::int32_t> expected = golden.read<std::int32_t>(group + "/rg_fed_ids");
  expected.push_back(golden.read<std::int32_t>(group + "/rg_token_ids").back());
  const Branch& branch = question.branches.front();
  EXPECT_EQ(branch.tokens, to_tokens(expected));
  EXPECT_EQ(branch.stop_reason, StopReason::kStopToken);
  EXPECT_EQ(branch.rg.tokens + 1, static_cast<std::int64_t>(branch.tokens.size()));
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenSampling,
                         ::testing::Values("tiny-llama", "tiny-mistral", "tiny-qwen2", "tiny-llama31"),
                         [](const auto& info) { return to_test_name(info.param); });

}  // namespace
}  // namespace lacuna::testing
