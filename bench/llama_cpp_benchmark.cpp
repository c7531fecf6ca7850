// Prompt passes and single-sequence decode of the engine and of llama.cpp, with the same weights on the same
// machine in the same run.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "bench/benchmark_run.h"
#include "bench/pass_timings.h"
#include "bench/random_model.h"
#include "bench/scratch_folder.h"
#include "bench/script_output.h"
#include "bench/startup_benchmark.h"
#include "core/error.h"
#include "worker/engine/generator.h"

namespace lacuna {
namespace {

// Seconds of one side.
struct PassTimes {
  std::vector<Timings> prompts;
  Timings decode;
};

void check_installed(const BenchmarkRun& run) {
  if (!run.model.device().is_cpu()) {
    throw SystemError(
        {.problem = "llama.cpp is compared on the CPU alone", .suggestion = "use --device cpu"});
  }
  if (std::system("command -v node >/dev/null") != 0) {
    throw SystemError({.problem = "there is no node to run llama.cpp with",
                       .suggestion = "install nodejs and npm, and run scripts/bench.sh"});
  }
  if (!std::filesystem::exists(std::filesystem::path(run.llama_cpp) / "node_modules/node-llama-cpp")) {
    throw SystemError({.problem = fmt::format("node-llama-cpp is not installed in '{}'", run.llama_cpp),
                       .suggestion =
                           "run scripts/bench.sh where the network has npm's registry, or give --llama-cpp "
                           "a folder that has it"});
  }
}

// The model as a GGUF file in `folder`.
std::filesystem::path write_gguf(const BenchmarkRun& run, const std::filesystem::path& folder) {
  std::filesystem::path file = folder / "model.gguf";
  write_checkpoint(run.model, folder);
  const std::string command = fmt::format("{} {} {} {}", quote_for_shell(run.python),
                                          quote_for_shell(LACUNA_LLAMA_CPP_SCRIPTS "/write_gguf.py"),
                                          quote_for_shell(folder.string()), quote_for_shell(file.string()));
  if (std::system(command.c_str()) != 0) {
    throw SystemError({.problem = "the model cannot be written as GGUF",
                       .why = fmt::format("'{}' failed", command),
                       .suggestion = "if numpy is missing, install python3-numpy or give --python another"});
  }
  std::filesystem::remove(folder / "model.safetensors");
  fmt::print(stderr, "llama_cpp: the same weights are in {} ({:.2f} GB) until the group is measured\n",
             file.string(), 1e-9 * static_cast<double>(std::filesystem::file_size(file)));
  return file;
}

PassTimes time_ours(const BenchmarkRun& run, const std::vector<PromptBatch>& prompts,
                    const RepetitionRule& rule) {
  PassTimes times;
  for (const PromptBatch& prompt : prompts) times.prompts.push_back(time_prompts(run.model, prompt, rule));
  times.decode = time_decode(run.model, 1, rule);
  return times;
}

std::vector<std::int32_t> to_integers(const std::vector<TokenId>& tokens) {
  std::vector<std::int32_t> integers;
  for (const TokenId token : tokens) integers.push_back(token.value());
  return integers;
}

// The likeliest tokens after a prompt, each fed to choose the next.
struct Answer {
  std::vector<TokenId> prompt, tokens;
};

Answer answer_greedily(const CausalLm& model) {
  constexpr std::int64_t kPromptTokens = 16;
  GreedyChooser chooser;
  const GeneratorOptions options{.stream = StreamKind::kShared,
                                 .branches = {{.mode = LacMode::kTrace, .alpha = std::nullopt}},
                                 .alphas = {},
                                 .max_new_tokens = 8,
                                 .stop_tokens = {}};
  const std::vector<GeneratorPrompt> prompts = {
      {.question = QuestionId("greedy"),
       .token_ids = draw_tokens(model.architecture.vocabulary, kPromptTokens, 1)}};
  const GeneratedQuestion question = std::move(Generator(model, chooser, options).generate(prompts).front());
  return {prompts.front().token_ids, question.branches.front().tokens};
}

// llama.cpp as its users run it, so without our policy for waiting threads.
nlohmann::json run_llama_cpp(const BenchmarkRun& run, const std::filesystem::path& model,
                             const std::vector<PromptBatch>& prompts, const RepetitionRule& rule,
                             const Answer& answer) {
  nlohmann::json task = {
      {"packages", run.llama_cpp},
      {"model", model.string()},
      {"dtype", to_string(run.dtype)},
      {"threads", run.threads},
      {"context", kDecodeContext},
      {"repetitions",
       {{"least", rule.least}, {"most", rule.most()}, {"enough_seconds", rule.enough_seconds}}},
      {"answer", {{"prompt", to_integers(answer.prompt)}, {"tokens", to_integers(answer.tokens)}}}};
  for (const PromptBatch& prompt : prompts) {
    const std::int64_t* const ids = prompt.token_ids.data_ptr<std::int64_t>();
    task["prompts"].push_back(std::vector<std::int64_t>(ids, ids + prompt.token_ids.numel()));
  }
  const std::string command = fmt::format("env -u OMP_WAIT_POLICY node {} {}",
                                          quote_for_shell(LACUNA_LLAMA_CPP_SCRIPTS "/time_llama_cpp.mjs"),
                                          quote_for_shell(task.dump()));
  return read_script_output(
      command, {.problem = "llama.cpp cannot be timed",
                .why = fmt::format("node {}/time_llama_cpp.mjs failed", LACUNA_LLAMA_CPP_SCRIPTS),
                .suggestion = fmt::format("delete '{}' and run scripts/bench.sh again", run.llama_cpp)});
}

// One pass of `tokens` tokens. Ours is timed twice as often, so it is the mean of two bests.
void report_pass(const BenchmarkRun& run, const std::string& pass, double tokens,
                 const std::array<Timings, 2>& ours, const Timings& theirs, const nlohmann::json& about) {
  constexpr double kTarget = 1;
  const double our_seconds = (ours[0].best() + ours[1].best()) / 2;
  nlohmann::json their_details = describe(theirs);
  their_details.update(about);
  run.report({.group = "llama_cpp",
              .name = "llama.cpp, " + pass,
              .value = tokens / theirs.best(),
              .unit = "tokens/s",
              .details = std::move(their_details)});
  run.report({.group = "llama_cpp",
              .name = "ours, " + pass,
              .value = tokens / our_seconds,
              .unit = "tokens/s",
              .details = {{"before", describe(ours[0])}, {"after", describe(ours[1])}}});
  run.report({.group = "llama_cpp",
              .name = pass + ", faster than llama.cpp",
              .value = theirs.best() / our_seconds,
              .unit = "times",
              .bound = FigureBound{"target", kTarget}});
}

// Not a failure where they differ: weights are random, so two tokens may be equally likely but for rounding.
// Then llama.cpp's lead is small (logits of random models spread by about 0.6).
void report_answers(const BenchmarkRun& run, const Answer& answer, const nlohmann::json& theirs) {
  const std::vector<std::int32_t> ours = to_integers(answer.tokens);
  const auto choices = theirs.at("tokens").get<std::vector<std::int32_t>>();
  std::int64_t equal = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) equal += ours[i] == choices.at(i) ? 1 : 0;
  run.report({.group = "llama_cpp",
              .name = "next tokens that llama.cpp chooses, too",
              .value = static_cast<double>(equal),
              .unit = fmt::format("of {}", ours.size()),
              .details = {{"ours", ours}, {"llama_cpp", choices}, {"logit_leads", theirs.at("leads")}}});
}

}  // namespace

void measure_against_llama_cpp(const BenchmarkRun& run) {
  constexpr double kBothFiles = 2.4;  // safetensors and GGUF, of which the weights are nearly all
  check_installed(run);
  const ScratchFolder folder(kBothFiles * static_cast<double>(run.streamed_bytes));
  const std::filesystem::path file = write_gguf(run, folder.path());
  const std::vector<PromptBatch> prompts = {make_prompt_batch(run.model, {128}),
                                            make_prompt_batch(run.model, {512})};
  const Answer answer = answer_greedily(run.model);
  const RepetitionRule rule{.least = run.repetitions};

  const PassTimes before = time_ours(run, prompts, rule);
  const nlohmann::json theirs = run_llama_cpp(run, file, prompts, rule, answer);
  const PassTimes after = time_ours(run, prompts, rule);

  nlohmann::json about;
  for (const char* const key : {"release", "weights", "gpu", "flash_attention", "cache", "processor"}) {
    about[key] = theirs.at(key);
  }
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::int64_t tokens = prompts[i].token_ids.numel();
    report_pass(run, fmt::format("one prompt of {} tokens", tokens), static_cast<double>(tokens),
                {before.prompts[i], after.prompts[i]}, {.seconds = theirs.at("prompts").at(i)}, about);
  }
  report_pass(run, fmt::format("decode, context {}", kDecodeContext), 1, {before.decode, after.decode},
              {.seconds = theirs.at("decode")}, about);
  report_answers(run, answer, theirs.at("answer"));
}

}  // namespace lacuna
