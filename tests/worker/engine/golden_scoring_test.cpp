// Log-likelihoods against whole prompt passes over prompt + continuation, one for each continuation, mode and
// threshold, and against the reference's logits.
#include <ATen/core/grad_mode.h>

#include "tests/test_name.h"
#include "tests/worker/engine/golden_model.h"
#include "worker/lac/propagate_recorder.h"
#include "worker/lac/shared_stream_recorder.h"
#include "worker/nn/prefill_attention.h"

namespace lacuna::testing {
namespace {

constexpr double kTolerance = 1e-4;
// Of logits that agree within 1e-3, summed over a few tokens.
constexpr double kGoldenTolerance = 5e-3;

using Tokens = std::vector<TokenId>;

// Natural logarithm of softmax(logits)[token], in float64, and whether it is the largest logit.
ScoredContinuation score_token(std::span<const float> logits, TokenId token) {
  double sum = 0;
  const float largest = *std::max_element(logits.begin(), logits.end());
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - static_cast<double>(largest));
  const float own = logits[static_cast<std::size_t>(token.value())];
  return {.tokens = 1,
          .log_likelihood = static_cast<double>(own) - static_cast<double>(largest) - std::log(sum),
          .is_greedy = own == largest};
}

// By a prompt pass over everything. `scored`: the last tokens of `whole`.
ScoredContinuation score_slowly(const GoldenModel& golden, const Tokens& whole, std::int64_t scored,
                                LacMode mode, std::size_t alpha) {
  const at::NoGradGuard no_grad;
  const CausalLm& model = golden.loaded.model;
  const auto tokens = static_cast<std::int64_t>(whole.size());
  std::vector<std::int64_t> ids;
  for (const TokenId token : whole) ids.push_back(token.value());
  RecorderOptions options{.layers = model.architecture.layers,
                          .norm_precision = NormPrecision::kModel,
                          .model_dtype = model.dtype(),
                          .kept_tokens = {}};
  std::unique_ptr<StreamRecorder> recorder;
  if (mode == LacMode::kPropagate) {
    recorder = std::make_unique<PropagateRecorder>(std::move(options),
                                                   std::vector<double>(whole.size(), golden.alphas[alpha]));
  } else {
    recorder = std::make_unique<SharedStreamRecorder>(std::move(options), golden.alphas);
  }
  SequenceCache cache(model.architecture.layers, {.prompt = tokens});
  PrefillAttention attention({{0, tokens, &cache}});
  model.run_layers(at::tensor(ids).to(model.device()), at::arange(tokens).to(model.device()), attention,
                   *recorder);
  recorder->finish();
  ScoredContinuation sum;
  for (std::int64_t token = tokens - scored; token < tokens; ++token) {
    const Readout readout = recorder->find_readout(
        token - 1, token - 1, mode, mode == LacMode::kExit ? static_cast<std::int64_t>(alpha) : 0);
    const at::Tensor logits = model.compute_logits(recorder->gather_states({&readout, 1})).contiguous();
    const ScoredContinuation one = score_token(to_floats(logits), whole[static_cast<std::size_t>(token)]);
    sum.add(one.log_likelihood, one.is_greedy);
  }
  return sum;
}

void expect_close(const ScoredContinuation& ours, const ScoredContinuation& other, double tolerance) {
  EXPECT_EQ(ours.tokens, other.tokens);
  EXPECT_NEAR(ours.log_likelihood, other.log_likelihood, tolerance);
  EXPECT_EQ(ours.is_greedy, other.is_greedy);
}

// Trace and the thresholds of exit, or those of propagate.
GeneratorOptions make_options(const GoldenModel& golden, StreamKind stream) {
  GeneratorOptions options = make_golden_options(
      golden, stream == StreamKind::kShared ? LacMode::kExit : LacMode::kPropagate, /*steps=*/3);
  if (stream == StreamKind::kShared) {
    options.branches.insert(options.branches.begin(), {.mode = LacMode::kTrace, .alpha = std::nullopt});
  }
  return options;
}

std::vector<GeneratedQuestion> run(const GoldenModel& golden, const GeneratorOptions& options,
                                   const std::vector<GeneratorPrompt>& prompts) {
  GreedyChooser chooser;
  return Generator(golden.loaded.model, chooser, options).generate(prompts);
}

Tokens join(const Tokens& a, const Tokens& b) {
  Tokens joined = a;
  joined.insert(joined.end(), b.begin(), b.end());
  return joined;
}

class GoldenScoring : public ::testing::TestWithParam<std::string> {
 protected:
  // Three prompts of different lengths; continuations that share beginnings, that differ at once, that end
  // where others go on; the second prompt's last two tokens are scored too.
  static std::vector<GeneratorPrompt> make_prompts(const GoldenModel& golden) {
    std::vector<GeneratorPrompt> prompts;
    for (const char* const name : {"p001", "p017", "p064"}) {
      prompts.push_back(
          {.question = QuestionId(name),
           .token_ids = to_tokens(golden.read<std::int32_t>("/f32/" + std::string(name) + "/input_ids"))});
    }
    prompts[0].continuations.tokens = {to_tokens({5}), to_tokens({6})};
    prompts[1].continuations = {.scored_prompt_tokens = 2,
                                .tokens = {to_tokens({9}),
                                           to_tokens({9, 3}),
                                           to_tokens({9, 3, 7, 8}),
                                           to_tokens({9, 4}),
                                           to_tokens({11, 3, 7, 8}),
                                           to_tokens({12}),
                                           {}}};
    prompts[2].continuations.tokens = {to_tokens({20, 21}), to_tokens({22, 21, 23}), to_tokens({20, 21})};
    return prompts;
  }
};

TEST_P(GoldenScoring, EveryContinuationEqualsItsOwnPass) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  GoldenModel golden = open_golden(GetParam());
  golden.alphas = {0.2, 0.5, 0.8};
  const std::vector<GeneratorPrompt> prompts = make_prompts(golden);
  for (const StreamKind stream : {StreamKind::kShared, StreamKind::kPropagate}) {
    const GeneratorOptions options = make_options(golden, stream);
    const auto questions = run(golden, options, prompts);
    for (std::size_t prompt = 0; prompt < prompts.size(); ++prompt) {
      const PromptContinuations& continuations = prompts[prompt].continuations;
      ASSERT_EQ(questions[prompt].scores.size(), options.branches.size());
      for (std::size_t spec = 0; spec < options.branches.size(); ++spec) {
        const SpecScores& scores = questions[prompt].scores[spec];
        EXPECT_EQ(scores.spec.mode, options.branches[spec].mode);
        EXPECT_EQ(scores.spec.alpha, options.branches[spec].alpha);
        ASSERT_EQ(scores.continuations.size(), continuations.tokens.size());
        for (std::size_t i = 0; i < continuations.tokens.size(); ++i) {
          SCOPED_TRACE(prompts[prompt].question.value() + " continuation " + std::to_string(i) + " spec " +
                       std::to_string(spec));
          const auto scored =
              continuations.scored_prompt_tokens + static_cast<std::int64_t>(continuations.tokens[i].size());
          const auto alpha = static_cast<std::size_t>(scores.spec.alpha.value_or(AlphaIndex(0)).value());
          expect_close(scores.continuations[i],
                       score_slowly(golden, join(prompts[prompt].token_ids, continuations.tokens[i]), scored,
                                    scores.spec.mode, alpha),
                       kTolerance);
        }
      }
    }
  }
}

// As on a GPU, where sequences with answers share a pool and the others do not.
TEST_P(GoldenScoring, OperatorsOverAPoolGiveTheSameScores) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  const GoldenModel golden = open_golden(GetParam());
  std::vector<GeneratorPrompt> prompts = make_prompts(golden);
  prompts.front().wants_answers = false;
  for (const StreamKind stream : {StreamKind::kShared, StreamKind::kPropagate}) {
    GeneratorOptions options = make_options(golden, stream);
    const auto expected = run(golden, options, prompts);
    options.attention = AttentionPath::kOperators;
    const auto found = run(golden, options, prompts);
    for (std::size_t prompt = 0; prompt < prompts.size(); ++prompt) {
      ASSERT_EQ(found[prompt].branches.size(), expected[prompt].branches.size());
      for (std::size_t branch = 0; branch < expected[prompt].branches.size(); ++branch) {
        EXPECT_EQ(found[prompt].branches[branch].tokens, expected[prompt].branches[branch].tokens);
      }
      ASSERT_EQ(found[prompt].scores.size(), expected[prompt].scores.size());
      for (std::size_t spec = 0; spec < expected[prompt].scores.size(); ++spec) {
        const auto& scores = expected[prompt].scores[spec].continuations;
        ASSERT_EQ(found[prompt].scores[spec].continuations.size(), scores.size());
        for (std::size_t i = 0; i < scores.size(); ++i) {
          expect_close(found[prompt].scores[spec].continuations[i], scores[i], kTolerance);
        }
      }
    }
  }
}

TEST_P(GoldenScoring, AnswersAreTheSameWithAndWithoutScores) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  const GoldenModel golden = open_golden(GetParam());
  const std::vector<GeneratorPrompt> both = make_prompts(golden);
  std::vector<GeneratorPrompt> answers = both;
  std::vector<GeneratorPrompt> scores = both;
  for (GeneratorPrompt& prompt : answers) prompt.continuations = {};
  for (GeneratorPrompt& prompt : scores) prompt.wants_answers = false;
  for (const StreamKind stream : {StreamKind::kShared, StreamKind::kPropagate}) {
    const GeneratorOptions options = make_options(golden, stream);
    const auto with_both = run(golden, options, both);
    const auto with_answers = run(golden, options, answers);
    const auto with_scores = run(golden, options, scores);
    for (std::size_t i = 0; i < both.size(); ++i) {
      EXPECT_TRUE(with_answers[i].scores.empty());
      EXPECT_TRUE(with_scores[i].branches.empty());
      ASSERT_EQ(with_both[i].branches.size(), with_answers[i].branches.size());
      for (std::size_t branch = 0; branch < with_both[i].branches.size(); ++branch) {
        const Branch& a = with_both[i].branches[branch];
        const Branch& b = with_answers[i].branches[branch];
        EXPECT_EQ(a.tokens, b.tokens);
        EXPECT_EQ(a.rg.norms, b.rg.norms);
        EXPECT_EQ(a.rg.active, b.rg.active);
        EXPECT_TRUE(at::equal(at::stack(a.logits), at::stack(b.logits)));
      }
      ASSERT_EQ(with_both[i].scores.size(), with_scores[i].scores.size());
      for (std::size_t spec = 0; spec < with_both[i].scores.size(); ++spec) {
        for (std::size_t k = 0; k < with_both[i].scores[spec].continuations.size(); ++k) {
          expect_close(with_both[i].scores[spec].continuations[k],
                       with_scores[i].scores[spec].continuations[k], 0);
        }
      }
      for (std::size_t pp = 0; pp < with_both[i].pp.size(); ++pp) {
        EXPECT_EQ(with_both[i].pp[pp].norms, with_scores[i].pp[pp].norms);
        EXPECT_EQ(with_both[i].pp[pp].active, with_answers[i].pp[pp].active);
      }
    }
  }
}

TEST_P(GoldenScoring, APromptThatLeavesNothingToPredictFromIsRefused) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  const at::NoGradGuard no_grad;
  const GoldenModel golden = open_golden(GetParam());
  GeneratorPrompt prompt{.question = QuestionId("p"), .token_ids = {TokenId(1), TokenId(2)}};
  prompt.continuations = {.scored_prompt_tokens = 2, .tokens = {{TokenId(3)}}};
  const auto message = [&] {
    try {
      run(golden, make_golden_options(golden, LacMode::kTrace, 1), {prompt});
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("not refused");
  };
  EXPECT_NE(message().find("the prompt of question 'p' has no token before those that are scored"),
            std::string::npos)
      << message();
  prompt.continuations.scored_prompt_tokens = 1;
  EXPECT_EQ(message(), "not refused");
  prompt = {.question = QuestionId("p"), .token_ids = {}};
  EXPECT_NE(message().find("the prompt of question 'p' is empty"), std::string::npos) << message();
}

// The reference's own greedy answers as continuations: their states, and so their logits, are recorded.
TEST_P(GoldenScoring, GreedyAnswersHaveTheReferencesLogLikelihoods) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  const at::NoGradGuard no_grad;
  const GoldenModel golden = open_golden(GetParam());
  const std::size_t alphas = golden.alphas.size();
  constexpr std::size_t kTokens = 6;
  const auto input = to_tokens(golden.read<std::int32_t>("/f32/p064/input_ids"));
  for (const LacMode mode : {LacMode::kExit, LacMode::kPropagate}) {
    const std::string group = "/f32/p064/" + std::string(to_string(mode)) + "/";
    const auto fed = golden.read<std::int32_t>(group + "rg_fed_ids");
    const auto states = golden.read<float>(group + "final_hidden");
    GeneratorPrompt prompt{.question = QuestionId("p"), .token_ids = input, .wants_answers = false};
    for (std::size_t alpha = 0; alpha < alphas; ++alpha) {
      Tokens tokens = to_tokens(slice(fed, alpha, alphas));
      tokens.resize(kTokens);
      prompt.continuations.tokens.push_back(std::move(tokens));
    }
    const auto scores = run(golden, make_golden_options(golden, mode, 1), {prompt}).front().scores;
    ASSERT_EQ(scores.size(), alphas);
    for (std::size_t alpha = 0; alpha < alphas; ++alpha) {
      std::vector<float> own_states = slice(states, alpha, alphas);
      const std::int64_t hidden = golden.loaded.model.architecture.hidden;
      const at::Tensor logits = golden.loaded.model.head.forward(
          at::from_blob(own_states.data(), {static_cast<std::int64_t>(own_states.size()) / hidden, hidden})
              .to(golden.loaded.model.device()));
      ScoredContinuation expected;
      for (std::size_t token = 0; token < kTokens; ++token) {
        const at::Tensor row = logits.select(0, static_cast<std::int64_t>(token)).contiguous();
        const ScoredContinuation one = score_token(to_floats(row), prompt.continuations.tokens[alpha][token]);
        expected.add(one.log_likelihood, one.is_greedy);
      }
      EXPECT_TRUE(expected.is_greedy);
      expect_close(scores[alpha].continuations[alpha], expected, kGoldenTolerance);
    }
  }
}

// The end of a prompt as its continuation: the reference has the logits of every prompt position.
TEST_P(GoldenScoring, TracePromptsHaveTheReferencesLogLikelihoods) {
  LACUNA_NEEDS_REFERENCE(golden_path(GetParam()));
  const GoldenModel golden = open_golden(GetParam());
  const Tokens input = to_tokens(golden.read<std::int32_t>("/f32/p017/input_ids"));
  const auto logits = golden.read<float>("/f32/p017/plain/prompt_logits");
  for (const std::ptrdiff_t length : {1, 2, 5}) {
    const GeneratorPrompt prompt{.question = QuestionId("p"),
                                 .token_ids = {input.begin(), input.end() - length},
                                 .wants_answers = false,
                                 .continuations = {.tokens = {{input.end() - length, input.end()}}}};
    const auto scores = run(golden, make_golden_options(golden, LacMode::kTrace, 1), {prompt}).front().scores;
    ScoredContinuation expected;
    for (std::size_t token = prompt.token_ids.size(); token < input.size(); ++token) {
      const std::vector<float> row = slice(logits, token - 1, input.size());
      const ScoredContinuation one = score_token(row, input[token]);
      expected.add(one.log_likelihood, one.is_greedy);
    }
    expect_close(scores.at(0).continuations.at(0), expected, kGoldenTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenScoring,
                         ::testing::Values("tiny-llama", "tiny-mistral", "tiny-qwen2", "tiny-llama31"),
                         [](const auto& info) { return to_test_name(info.param); });

}  // namespace
}  // namespace lacuna::testing
