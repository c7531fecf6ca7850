// The plain model: logits at every position, hidden states, key/value caches, frequencies, and batches.
#include <ATen/core/grad_mode.h>

#include "tests/test_name.h"
#include "tests/worker/engine/golden_model.h"
#include "worker/models/state_recorder.h"
#include "worker/nn/prefill_attention.h"

namespace lacuna::testing {
namespace {

constexpr float kTolerance = 1e-3F;

class GoldenPlain : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenPlain, PromptPassMatchesStatesCachesAndLogits) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  const at::NoGradGuard no_grad;
  const GoldenModel golden = open_golden(GetParam());
  const CausalLm& model = golden.loaded.model;
  for (const char* const prompt : {"p001", "p002", "p017", "p064", "p200"}) {
    const std::string base = std::string("/f32/") + prompt + "/";
    const auto ids = golden.read<std::int64_t>(base + "input_ids");
    SequenceCache cache(model.architecture.layers, {.prompt = static_cast<std::int64_t>(ids.size())});
    PrefillAttention attention({{0, static_cast<std::int64_t>(ids.size()), &cache}});
    StateRecorder keeper;
    const at::Tensor stream = model.run_layers(
        at::tensor(ids).to(model.device()),
        at::arange(static_cast<std::int64_t>(ids.size())).to(model.device()), attention, keeper);
    EXPECT_LE(largest_difference(to_floats(model.compute_logits(stream)),
                                 golden.read<float>(base + "plain/prompt_logits")),
              kTolerance);
    if (std::string(prompt) != "p017") continue;
    EXPECT_LE(
        largest_difference(to_floats(at::stack(keeper.states)), golden.read<float>(base + "plain/states")),
        kTolerance);
    EXPECT_LE(largest_difference(to_floats(model.normalize(stream)),
                                 golden.read<float>(base + "plain/final_hidden")),
              kTolerance);
    std::vector<at::Tensor> keys, values;
    for (std::int32_t layer = 0; layer < model.architecture.layers; ++layer) {
      keys.push_back(cache.prompt_keys(LayerIndex(layer)));
      values.push_back(cache.prompt_values(LayerIndex(layer)));
    }
    EXPECT_LE(largest_difference(to_floats(at::stack(keys)), golden.read<float>(base + "plain/k_cache")),
              kTolerance);
    EXPECT_LE(largest_difference(to_floats(at::stack(values)), golden.read<float>(base + "plain/v_cache")),
              kTolerance);
  }
}

TEST_P(GoldenPlain, RotaryFrequenciesMatch) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  const GoldenModel golden = open_golden(GetParam());
  const at::Tensor& frequencies = golden.loaded.model.rope.inverse_frequencies();
  EXPECT_LE(largest_difference(to_floats(frequencies), golden.read<float>("/rope/inv_freq")), 1e-7F);
}

// Rows of unequal length in one batch: each equals its solo run.
TEST_P(GoldenPlain, EveryRowOfABatchEqualsItsSoloRun) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  GoldenModel golden = open_golden(GetParam());
  const std::string base = "/f32/batch_left_pad/";
  const auto lengths = golden.file.read_attribute<std::int64_t>(base, "lengths").values;
  const auto padded = golden.read<std::int32_t>(base + "input_ids");
  const std::size_t rows = lengths.size();
  std::vector<GeneratorPrompt> prompts;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::vector<std::int32_t> ids = slice(padded, row, rows);
    prompts.push_back({QuestionId(std::to_string(row)), to_tokens({ids.end() - lengths[row], ids.end()})});
  }
  golden.alphas = golden.file.read_attribute<double>(base, "alphas").values;
  for (const LacMode mode : {LacMode::kExit, LacMode::kPropagate}) {
    const std::string group = base + std::string(to_string(mode)) + "/";
    const auto pp_active = golden.read<std::uint8_t>(group + "pp_active");
    const auto rg_active = golden.read<std::uint8_t>(group + "rg_active");
    const auto fed = golden.read<std::int32_t>(group + "rg_fed_ids");
    const auto chosen = golden.read<std::int32_t>(group + "rg_token_ids");
    const auto final_hidden = golden.read<float>(group + "final_hidden");
    GreedyChooser chooser;
    constexpr std::int64_t kSteps = 8;
    const auto questions =
        Generator(golden.loaded.model, chooser, make_golden_options(golden, mode, kSteps)).generate(prompts);
    DecisionComparison decisions(golden.name + " batch " + std::string(to_string(mode)),
                                 golden.loaded.model.device());
    const std::size_t alphas = golden.alphas.size();
    const auto layers = static_cast<std::size_t>(golden.loaded.model.architecture.layers);
    for (std::size_t alpha = 0; alpha < alphas; ++alpha) {
      for (std::size_t row = 0; row < rows; ++row) {
        const Branch& branch = questions[row].branches[alpha];
        const bool shared = mode == LacMode::kExit;
        std::vector<std::uint8_t> active = slice(slice(pp_active, alpha, alphas), row, rows);
        active.erase(active.begin(), active.end() - static_cast<std::ptrdiff_t>(
                                                        static_cast<std::size_t>(lengths[row]) * layers));
        const bool pp_equal = decisions.compare(shared ? questions[row].pp.front() : questions[row].pp[alpha],
                                                shared ? static_cast<std::int64_t>(alpha) : 0, active,
                                                golden.alphas[alpha], shared ? LacMode::kTrace : mode);
        const bool rg_equal = decisions.compare(
            branch.rg, 0, slice(slice(rg_active, alpha, alphas), row, rows), golden.alphas[alpha], mode);
        if (!pp_equal || !rg_equal) continue;
        std::vector<std::int32_t> tokens = slice(slice(fed, alpha, alphas), row, rows);
        tokens.push_back(slice(slice(chosen, alpha, alphas), row, rows).back());
        EXPECT_EQ(branch.tokens, to_tokens(tokens));
        EXPECT_LE(largest_difference(to_floats(at::stack(branch.final_states)),
                                     slice(slice(final_hidden, alpha, alphas), row, rows)),
                  kTolerance);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenPlain,
                         ::testing::Values("tiny-llama", "tiny-mistral", "tiny-qwen2", "tiny-llama31",
                                           "tiny-qwen2-bf16-sharded"),
                         [](const auto& info) { return to_test_name(info.param); });

}  // namespace
}  // namespace lacuna::testing
