// bfloat16: fed the recorded tokens, values agree within bfloat16's resolution and at least 98 % of the
// decisions are equal, in both norm precisions.
#include <map>

#include "tests/worker/engine/golden_model.h"

namespace lacuna::testing {
namespace {

constexpr const char* kModel = "tiny-qwen2-bf16-sharded";
constexpr double kLeastAgreement = 0.98;
constexpr std::int64_t kSteps = 12;

// Hands out recorded tokens, branch by branch.
class ForcedChooser : public TokenChooser {
 public:
  explicit ForcedChooser(std::vector<std::vector<TokenId>> tokens) : tokens_(std::move(tokens)) {}
  std::vector<TokenId> choose(const HeadLogits& /*logits*/,
                              std::span<const ChoiceContext> contexts) override {
    std::vector<TokenId> chosen;
    for (const ChoiceContext& context : contexts) {
      chosen.push_back(
          tokens_.at(static_cast<std::size_t>(context.branch)).at(static_cast<std::size_t>(context.step)));
    }
    return chosen;
  }

 private:
  std::vector<std::vector<TokenId>> tokens_;
};

struct Agreement {
  std::size_t equal = 0;
  std::size_t total = 0;
  void count(const std::vector<std::uint8_t>& ours, const std::vector<std::uint8_t>& golden) {
    ASSERT_EQ(ours.size(), golden.size());
    for (std::size_t index = 0; index < ours.size(); ++index) equal += ours[index] == golden[index] ? 1U : 0U;
    total += ours.size();
  }
  [[nodiscard]] double rate() const { return static_cast<double>(equal) / static_cast<double>(total); }
};

// The recorded tokens of every threshold: those fed, then the last one chosen (if recorded).
std::vector<std::vector<TokenId>> read_forced_tokens(const GoldenModel& golden, const std::string& group) {
  const auto fed = golden.read<std::int32_t>(group + "rg_fed_ids");
  std::vector<std::vector<TokenId>> forced;
  for (std::size_t alpha = 0; alpha < golden.alphas.size(); ++alpha) {
    std::vector<TokenId> tokens = to_tokens(slice(fed, alpha, golden.alphas.size()));
    tokens.push_back(tokens.back());  // chosen after the last step and never fed: any will do
    forced.push_back(std::move(tokens));
  }
  return forced;
}

GeneratedQuestion generate_forced(const GoldenModel& golden, const std::string& prompt, LacMode mode,
                                  NormPrecision precision, const std::string& group) {
  ForcedChooser chooser(read_forced_tokens(golden, group));
  GeneratorOptions options = make_golden_options(golden, mode, kSteps);
  options.norm_precision = precision;
  const std::vector<GeneratorPrompt> prompts = {
      {QuestionId("p"), to_tokens(golden.read<std::int32_t>("/bf16/" + prompt + "/input_ids"))}};
  return std::move(Generator(golden.loaded.model, chooser, options).generate(prompts).front());
}

TEST(GoldenBFloat16, DecisionsAgreeInBothNormPrecisions) {
  LACUNA_NEEDS_REFERENCE(golden_path(kModel));
  const GoldenModel golden = open_golden(kModel, DataType::kBFloat16);
  const std::size_t alphas = golden.alphas.size();
  std::map<std::string, Agreement> agreement;
  for (const std::string prompt : {"p001", "p002", "p017", "p064", "p200"}) {
    for (const LacMode mode : {LacMode::kExit, LacMode::kPropagate}) {
      const std::string group = "/bf16/" + prompt + "/" + std::string(to_string(mode)) + "/";
      const GeneratedQuestion question = generate_forced(golden, prompt, mode, NormPrecision::kModel, group);
      const auto pp = golden.read<std::uint8_t>(group + "pp_active");
      const auto rg = golden.read<std::uint8_t>(group + "rg_active");
      for (std::size_t alpha = 0; alpha < alphas; ++alpha) {
        const bool shared = mode == LacMode::kExit;
        agreement[std::string(to_string(mode)) + " pp"].count(
            unpack(shared ? question.pp.front() : question.pp[alpha],
                   shared ? static_cast<std::int64_t>(alpha) : 0),
            slice(pp, alpha, alphas));
        agreement[std::string(to_string(mode)) + " rg"].count(unpack(question.branches[alpha].rg, 0),
                                                              slice(rg, alpha, alphas));
      }
    }
    const std::string base = "/bf16/" + prompt + "/";
    const GeneratedQuestion shared =
        generate_forced(golden, prompt, LacMode::kExit, NormPrecision::kFloat32, base + "exit/");
    const auto trace = golden.read<std::uint8_t>(base + "trace_f32norm/pp_active");
    const GeneratedQuestion propagate = generate_forced(golden, prompt, LacMode::kPropagate,
                                                        NormPrecision::kFloat32, base + "propagate_f32norm/");
    const auto carried = golden.read<std::uint8_t>(base + "propagate_f32norm/pp_active");
    for (std::size_t alpha = 0; alpha < alphas; ++alpha) {
      agreement["float32 norms, exit pp"].count(unpack(shared.pp.front(), static_cast<std::int64_t>(alpha)),
                                                slice(trace, alpha, alphas));
      agreement["float32 norms, propagate pp"].count(unpack(propagate.pp[alpha], 0),
                                                     slice(carried, alpha, alphas));
    }
  }
  for (const auto& [what, counts] : agreement) {
    EXPECT_GE(counts.rate(), kLeastAgreement) << what << ": " << counts.equal << " of " << counts.total;
    RecordProperty(what, std::to_string(counts.rate()));
    std::printf("bfloat16 agreement, %s: %.4f of %zu decisions\n", what.c_str(), counts.rate(), counts.total);
  }
}

TEST(GoldenBFloat16, ValuesAgreeWithinTheResolutionOfBFloat16) {
  LACUNA_NEEDS_REFERENCE(golden_path(kModel));
  const GoldenModel golden = open_golden(kModel, DataType::kBFloat16);
  for (const std::string prompt : {"p001", "p017", "p064", "p200"}) {
    const std::string group = "/bf16/" + prompt + "/exit/";
    const GeneratedQuestion question =
        generate_forced(golden, prompt, LacMode::kExit, NormPrecision::kModel, group);
    const auto golden_norms = golden.read<float>("/bf16/" + prompt + "/plain/layer_norms");
    const std::vector<float> norms = layer_norms(question.pp.front());
    ASSERT_EQ(norms.size(), golden_norms.size());
    for (std::size_t index = 0; index < norms.size(); ++index) {
      // Rounding of about 20 dependent operations, each to 8 bits.
      EXPECT_NEAR(norms[index], golden_norms[index], 0.02F * golden_norms[index]) << prompt << " " << index;
    }
    const auto hidden = golden.read<float>(group + "final_hidden");
    for (std::size_t alpha = 0; alpha < golden.alphas.size(); ++alpha) {
      const at::Tensor ours = at::stack(question.branches[alpha].final_states);
      const at::Tensor theirs = at::tensor(slice(hidden, alpha, golden.alphas.size())).view(ours.sizes());
      // Rows whose exit layer differs (a decision on the other side of a tie) read another state altogether.
      const at::Tensor distance = at::norm(ours - theirs, 2, {1}) / at::norm(theirs, 2, {1});
      // One rounding of one attention output moves later states by about 2 % in this random model.
      EXPECT_LE(distance.median().item<float>(), 0.05F) << prompt << " alpha " << golden.alphas[alpha];
    }
  }
}

}  // namespace
}  // namespace lacuna::testing
