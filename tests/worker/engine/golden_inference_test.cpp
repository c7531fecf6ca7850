// Decisions, exit layers, tokens, norms and states of all modes against the trusted implementation, in
// float32: every decision and every token has to be equal (on a GPU: but for ties, see
// decision_comparison.h).
#include <array>

#include "tests/test_name.h"
#include "tests/worker/engine/golden_model.h"

namespace lacuna::testing {
namespace {

constexpr float kStateTolerance = 1e-3F;
constexpr float kNormTolerance = 2e-4F;
constexpr std::int64_t kLacSteps = 12;
constexpr std::int64_t kTraceSteps = 24;

struct Case {
  std::string model;
  std::string prompt;
};

class GoldenInference : public ::testing::TestWithParam<Case> {
 protected:
  static GeneratedQuestion generate(const GoldenModel& golden, LacMode mode, std::int64_t steps) {
    const auto ids = golden.read<std::int32_t>(base() + "input_ids");
    const std::vector<GeneratorPrompt> prompts = {{QuestionId("p"), to_tokens(ids)}};
    GreedyChooser chooser;
    return std::move(Generator(golden.loaded.model, chooser, make_golden_options(golden, mode, steps))
                         .generate(prompts)
                         .front());
  }
  static DecisionComparison compare_decisions(const GoldenModel& golden, LacMode mode) {
    return {golden.name + " " + GetParam().prompt + " " + std::string(to_string(mode)),
            golden.loaded.model.device()};
  }
  static std::string base() { return "/f32/" + GetParam().prompt + "/"; }
};

TEST_P(GoldenInference, TraceDecidesForAllThresholdsFromOneRun) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam().model));
  const GoldenModel golden = open_golden(GetParam().model);
  const GeneratedQuestion question = generate(golden, LacMode::kTrace, kTraceSteps);
  const auto pp_active = golden.read<std::uint8_t>(base() + "trace/pp_active");
  const auto rg_active = golden.read<std::uint8_t>(base() + "trace/rg_active");
  const TraceRows& rg = question.branches.front().rg;
  ASSERT_EQ(rg.tokens, kTraceSteps);
  DecisionComparison decisions = compare_decisions(golden, LacMode::kTrace);
  for (std::size_t alpha = 0; alpha < golden.alphas.size(); ++alpha) {
    const auto set = static_cast<std::int64_t>(alpha);
    decisions.compare(question.pp.front(), set, slice(pp_active, alpha, golden.alphas.size()),
                      golden.alphas[alpha], LacMode::kTrace);
    decisions.compare(rg, set, slice(rg_active, alpha, golden.alphas.size()), golden.alphas[alpha],
                      LacMode::kTrace);
  }
  EXPECT_EQ(question.branches.front().tokens,
            to_tokens(golden.read<std::int32_t>(base() + "plain/greedy_ids")));
  EXPECT_LE(
      largest_difference(layer_norms(question.pp.front()), golden.read<float>(base() + "plain/layer_norms")),
      kNormTolerance);
  EXPECT_LE(largest_difference(layer_norms(rg), golden.read<float>(base() + "plain/decode_layer_norms")),
            kNormTolerance);
}

// Exit and propagate have the same datasets.
void expect_branches_match(const GoldenModel& golden, const std::string& group, LacMode mode,
                           const GeneratedQuestion& question, DecisionComparison& decisions) {
  const std::size_t alphas = golden.alphas.size();
  const bool shared = mode == LacMode::kExit;
  const auto pp_active = golden.read<std::uint8_t>(group + "pp_active");
  const auto rg_active = golden.read<std::uint8_t>(group + "rg_active");
  const auto pp_exit = golden.read<std::int32_t>(group + "pp_exit_layer");
  const auto rg_exit = golden.read<std::int32_t>(group + "rg_exit_layer");
  const auto fed = golden.read<std::int32_t>(group + "rg_fed_ids");
  const auto chosen = golden.read<std::int32_t>(group + "rg_token_ids");
  const auto final_hidden = golden.read<float>(group + "final_hidden");
  const auto rg_norms = golden.read<float>(group + (shared ? "rg_layer_norms" : "rg_candidate_norms"));
  ASSERT_EQ(question.branches.size(), alphas);
  for (std::size_t alpha = 0; alpha < alphas; ++alpha) {
    const Branch& branch = question.branches[alpha];
    const TraceRows& pp = shared ? question.pp.front() : question.pp[alpha];
    const std::int64_t set = shared ? static_cast<std::int64_t>(alpha) : 0;
    const double threshold = golden.alphas[alpha];
    const bool pp_equal = decisions.compare(pp, set, slice(pp_active, alpha, alphas), threshold,
                                            shared ? LacMode::kTrace : mode);
    const bool rg_equal = decisions.compare(branch.rg, 0, slice(rg_active, alpha, alphas), threshold, mode);
    if (!pp_equal || !rg_equal) continue;
    EXPECT_EQ(exit_layers(pp, set), slice(pp_exit, alpha, alphas));
    EXPECT_EQ(exit_layers(branch.rg, 0), slice(rg_exit, alpha, alphas));
    std::vector<std::int32_t> tokens = slice(fed, alpha, alphas);
    tokens.push_back(slice(chosen, alpha, alphas).back());
    EXPECT_EQ(branch.tokens, to_tokens(tokens));
    EXPECT_LE(largest_difference(layer_norms(branch.rg), slice(rg_norms, alpha, alphas)), kNormTolerance);
    EXPECT_LE(
        largest_difference(to_floats(at::stack(branch.final_states)), slice(final_hidden, alpha, alphas)),
        kStateTolerance);
  }
}

TEST_P(GoldenInference, ExitReadsTheStateAfterTheLastActiveLayer) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam().model));
  const GoldenModel golden = open_golden(GetParam().model);
  const GeneratedQuestion question = generate(golden, LacMode::kExit, kLacSteps);
  DecisionComparison decisions = compare_decisions(golden, LacMode::kExit);
  expect_branches_match(golden, base() + "exit/", LacMode::kExit, question, decisions);
}

TEST_P(GoldenInference, PropagateDropsVoidUpdates) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam().model));
  const GoldenModel golden = open_golden(GetParam().model);
  const GeneratedQuestion question = generate(golden, LacMode::kPropagate, kLacSteps);
  DecisionComparison decisions = compare_decisions(golden, LacMode::kPropagate);
  expect_branches_match(golden, base() + "propagate/", LacMode::kPropagate, question, decisions);
  const auto norms = golden.read<float>(base() + "propagate/pp_candidate_norms");
  for (std::size_t alpha = 0; alpha < golden.alphas.size(); ++alpha) {
    EXPECT_LE(largest_difference(layer_norms(question.pp[alpha]), slice(norms, alpha, golden.alphas.size())),
              kNormTolerance);
  }
}

TEST_P(GoldenInference, LogitsMatchWhereTheyAreRecorded) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam().model));
  const GoldenModel golden = open_golden(GetParam().model);
  for (const LacMode mode : {LacMode::kExit, LacMode::kPropagate}) {
    const std::string dataset = base() + std::string(to_string(mode)) + "/logits";
    if (!golden.file.exists(dataset)) continue;  // only the middle length has them
    const GeneratedQuestion question = generate(golden, mode, kLacSteps);
    const auto recorded = golden.file.read_attribute<double>(dataset, "alphas").values;
    const auto logits = golden.read<float>(dataset);
    for (std::size_t index = 0; index < recorded.size(); ++index) {
      const auto alpha = std::find(golden.alphas.begin(), golden.alphas.end(), recorded[index]);
      ASSERT_NE(alpha, golden.alphas.end());
      const Branch& branch = question.branches[static_cast<std::size_t>(alpha - golden.alphas.begin())];
      EXPECT_LE(
          largest_difference(to_floats(at::stack(branch.logits)), slice(logits, index, recorded.size())),
          kStateTolerance);
    }
  }
}

// As on a GPU: attention by LibTorch's operators, prompts of all lengths in one batch whose keys and values
// lie in one pool, and projections that are one product.
class GoldenPool : public ::testing::TestWithParam<std::string> {
 protected:
  static void expect_prompts_match(LacMode mode) {
    LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
    GoldenModel golden = open_golden(GetParam());
    join_projections(golden.loaded.model);
    std::vector<GeneratorPrompt> prompts;
    for (const char* const name : kPrompts) {
      const auto ids = golden.read<std::int32_t>(base(name) + "input_ids");
      prompts.push_back({QuestionId(name), to_tokens(ids)});
    }
    GeneratorOptions options = make_golden_options(golden, mode, kLacSteps);
    options.attention = AttentionPath::kOperators;
    GreedyChooser chooser;
    const auto questions = Generator(golden.loaded.model, chooser, options).generate(prompts);
    for (std::size_t index = 0; index < questions.size(); ++index) {
      const std::string group = base(kPrompts[index]) + std::string(to_string(mode)) + "/";
      DecisionComparison decisions{golden.name + " " + group, golden.loaded.model.device()};
      expect_branches_match(golden, group, mode, questions[index], decisions);
    }
  }

 private:
  static std::string base(const std::string& prompt) { return "/f32/" + prompt + "/"; }
  static constexpr std::array<const char*, 5> kPrompts = {"p001", "p002", "p017", "p064", "p200"};
};

TEST_P(GoldenPool, ExitOfAllPromptsTogether) {
  expect_prompts_match(LacMode::kExit);
}

TEST_P(GoldenPool, PropagateOfAllPromptsTogether) {
  expect_prompts_match(LacMode::kPropagate);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenPool,
                         ::testing::Values("tiny-llama", "tiny-mistral", "tiny-qwen2", "tiny-llama31",
                                           "tiny-qwen2-bf16-sharded"),
                         [](const auto& info) { return to_test_name(info.param); });

std::vector<Case> list_cases() {
  std::vector<Case> cases;
  for (const char* const model :
       {"tiny-llama", "tiny-mistral", "tiny-qwen2", "tiny-llama31", "tiny-qwen2-bf16-sharded"}) {
    for (const char* const prompt : {"p001", "p002", "p017", "p064", "p200"})
      cases.push_back({model, prompt});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenInference, ::testing::ValuesIn(list_cases()), [](const auto& info) {
  return to_test_name(info.param.model + "_" + info.param.prompt);
});

}  // namespace
}  // namespace lacuna::testing
