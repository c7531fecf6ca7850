#include "bench/startup_benchmark.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "bench/benchmark_run.h"
#include "bench/random_model.h"
#include "bench/scratch_folder.h"
#include "bench/stopwatch.h"
#include "core/error.h"
#include "worker/checkpoint/safetensors_writer.h"
#include "worker/engine/generator.h"
#include "worker/models/load_model.h"
#include "worker/models/model_family.h"

namespace lacuna {
namespace {

constexpr std::int64_t kPromptTokens = 16;

// The keys that read_common_architecture reads.
nlohmann::json make_config(const Architecture& shape) {
  nlohmann::json config = {{"model_type", shape.family},
                           {"num_hidden_layers", shape.layers},
                           {"hidden_size", shape.hidden},
                           {"num_attention_heads", shape.heads},
                           {"num_key_value_heads", shape.kv_heads},
                           {"head_dim", shape.head_dim},
                           {"intermediate_size", shape.intermediate},
                           {"vocab_size", shape.vocabulary},
                           {"max_position_embeddings", shape.max_positions},
                           {"rms_norm_eps", shape.rms_norm_epsilon},
                           {"rope_theta", shape.rope_theta},
                           {"tie_word_embeddings", shape.tied_head}};
  for (const ModelFamily& family : model_families()) {
    if (family.model_type == shape.family) config["architectures"] = {family.architecture_class};
  }
  return config;
}

// As a user's process: the thread policy is not inherited, so the program sets it by starting over.
std::string make_command(const BenchmarkRun& run, const std::filesystem::path& checkpoint) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  return fmt::format("env -u OMP_WAIT_POLICY '{}' --first-token '{}' --dtype {} --device {} --threads {}",
                     program, checkpoint.string(), to_string(run.dtype),
                     run.model.device().is_cpu() ? "cpu" : "cuda", run.threads);
}

}  // namespace

void write_checkpoint(const CausalLm& model, const std::filesystem::path& folder) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  CausalLm handles = model;  // shares the weights
  visit_weights(handles, [&](const std::string& name, const std::vector<std::int64_t>&, at::Tensor& weight) {
    tensors.emplace_back(name, weight);
  });
  write_safetensors(folder / "model.safetensors", tensors);
  std::ofstream(folder / "config.json") << make_config(model.architecture).dump(2);
}

void generate_first_token(const std::filesystem::path& checkpoint, DataType dtype, const at::Device& device) {
  const LoadedModel loaded = load_model(checkpoint, dtype, device);
  GreedyChooser chooser;
  GeneratorOptions options{.stream = StreamKind::kShared,
                           .branches = {{.mode = LacMode::kExit, .alpha = AlphaIndex(0)}},
                           .alphas = {0.5},
                           .max_new_tokens = 1,
                           .stop_tokens = {}};
  const std::vector<GeneratorPrompt> prompts = {
      {.question = QuestionId("first"),
       .token_ids = draw_tokens(loaded.model.architecture.vocabulary, kPromptTokens, 1)}};
  Generator(loaded.model, chooser, options).generate(prompts);
}

void measure_startup(const BenchmarkRun& run) {
  constexpr double kMargin = 1.2;
  const auto bytes = static_cast<double>(run.streamed_bytes);
  const ScratchFolder folder(2 * kMargin * bytes);
  write_checkpoint(run.model, folder.path());
  const std::string command = make_command(run, folder.path());
  Timings timings;
  // The first start also brings the file into memory where it is not there from writing it.
  for (std::int64_t i = 0; i < 1 + std::min<std::int64_t>(run.repetitions, 3); ++i) {
    timings.seconds.push_back(time_once(at::kCPU, [&] {
      if (std::system(command.c_str()) != 0) {
        throw SystemError({.problem = fmt::format("'{}' failed", command)});
      }
    }));
  }
  run.report({.group = "startup",
              .name = "process start to first token",
              .value = timings.best(),
              .unit = "s",
              .bound = FigureBound{"memory read", bytes / run.meter.best().read_bytes_per_second},
              .less_is_better = true,
              .details = {{"seconds_first", timings.seconds.front()}, {"seconds_median", timings.median()}}});
}

}  // namespace lacuna
