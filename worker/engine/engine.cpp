#include "worker/engine/engine.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <map>
#include <optional>

#include "core/error.h"
#include "worker/engine/generator.h"
#include "worker/engine/prompt_encoder.h"
#include "worker/nn/compute_threads.h"

namespace lacuna {
namespace {

template <class T, class Index>
const T& element(const std::vector<T>& list, Index index) {
  return list.at(static_cast<std::size_t>(index.value()));
}

// The branches that a unit generates for each question.
std::vector<BranchSpec> list_branches(const LacConfig& lac, StreamKind stream) {
  std::vector<BranchSpec> branches;
  const LacMode swept = stream == StreamKind::kShared ? LacMode::kExit : LacMode::kPropagate;
  if (stream == StreamKind::kShared) branches.push_back({.mode = LacMode::kTrace, .alpha = std::nullopt});
  if (std::find(lac.modes.begin(), lac.modes.end(), swept) == lac.modes.end()) return branches;
  for (std::size_t alpha = 0; alpha < lac.alphas.size(); ++alpha) {
    branches.push_back({.mode = swept, .alpha = AlphaIndex(static_cast<std::int32_t>(alpha))});
  }
  return branches;
}

class LacEngine : public UnitExecutor {
 public:
  LacEngine(const ExperimentConfig& config, const EngineOptions& options)
      : config_(config),
        device_(options.device_index >= 0
                    ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(options.device_index))
                    : at::Device(at::kCPU)),
        chooser_(make_token_chooser(config.generation)) {
    set_compute_threads(options.threads);
  }

  void execute(const WorkUnit& unit, RecordSink& sink) override {
    const KeepAlive keep_alive = [&sink] { sink.keep_alive(); };
    load(unit.model, keep_alive);
    const Benchmark& benchmark = find_benchmark(unit.benchmark);
    const std::string& protocol = element(config_.benchmarks, unit.benchmark).protocol;
    std::vector<GeneratorPrompt> prompts;
    for (std::int64_t offset = 0; offset < unit.question_count; ++offset) {
      const QuestionIndex index(unit.first_question.value() + offset);
      prompts.push_back({.question = benchmark.question(index).id,
                         .token_ids = text_->encode_question(benchmark, index, protocol,
                                                             config_.generation.double_begin_token)});
    }
    Generator generator(model_->model, *chooser_, make_options(unit.stream, keep_alive));
    std::vector<GeneratedQuestion> answers = generator.generate(prompts);
    sink.begin_unit(unit, model_->model.architecture.layers);
    for (std::size_t offset = 0; offset < answers.size(); ++offset) {
      const QuestionIndex index(unit.first_question.value() + static_cast<std::int64_t>(offset));
      sink.write(
          make_record(benchmark, index, std::move(prompts[offset].token_ids), std::move(answers[offset])));
    }
    sink.commit_unit();
  }

 private:
  void load(ModelIndex model, const KeepAlive& keep_alive) {
    if (model_ && loaded_ == model) return;
    model_.reset();  // never two models in memory
    const ModelConfig& wanted = element(config_.models, model);
    text_.emplace(wanted.path);
    model_.emplace(load_model(wanted.path, config_.compute.dtype, device_, keep_alive));
    loaded_ = model;
  }

  const Benchmark& find_benchmark(BenchmarkIndex index) {
    auto& benchmark = benchmarks_[index];
    if (!benchmark) benchmark = load_benchmark(element(config_.benchmarks, index), config_.generation.seed);
    return *benchmark;
  }

  [[nodiscard]] GeneratorOptions make_options(StreamKind stream, const KeepAlive& keep_alive) const {
    return {.stream = stream,
            .branches = list_branches(config_.lac, stream),
            .alphas = config_.lac.alphas,
            .norm_precision = config_.lac.norm_precision,
            .max_new_tokens = config_.generation.max_new_tokens,
            .stop_tokens = model_->stop_tokens,
            .keep_logits = false,
            .batch_tokens = config_.compute.batch_tokens,
            .keep_alive = keep_alive};
  }

  [[nodiscard]] QuestionRecord make_record(const Benchmark& benchmark, QuestionIndex index,
                                           std::vector<TokenId> prompt_ids, GeneratedQuestion answer) const {
    const Question& question = benchmark.question(index);
    QuestionRecord record{.id = question.id,
                          .index = index,
                          .subject = question.subject,
                          .gold = question.gold,
                          .prompt_ids = std::move(prompt_ids),
                          .pp = std::move(answer.pp),
                          .responses = {},
                          .author_texts = std::nullopt,
                          .prefill_seconds = answer.prefill_seconds};
    if (config_.store.author_json) {
      record.author_texts = benchmark.author_texts(index);
    }
    for (Branch& branch : answer.branches) {
      record.responses.push_back(make_response(benchmark, index, std::move(branch)));
    }
    return record;
  }

  [[nodiscard]] ResponseRecord make_response(const Benchmark& benchmark, QuestionIndex index,
                                             Branch branch) const {
    const Tokenizer& tokenizer = text_->tokenizer();
    ResponseRecord response{.mode = branch.spec.mode,
                            .alpha = branch.spec.alpha,
                            .token_ids = std::move(branch.tokens),
                            .stop_reason = branch.stop_reason,
                            .rg = std::move(branch.rg),
                            .text = {},
                            .choice = {},
                            .correct = false,
                            .author_answer = {},
                            .decode_seconds = branch.decode_seconds};
    response.text = tokenizer.decode(response.token_ids, /*skip_special_tokens=*/true);
    Grade grade = benchmark.grade(index, response.text);
    response.choice = std::move(grade.choice);
    response.correct = grade.correct;
    if (config_.store.author_json) {
      response.author_answer =
          tokenizer.decode(std::span(response.token_ids).subspan(1), /*skip_special_tokens=*/false);
    }
    return response;
  }

  ExperimentConfig config_;
  at::Device device_;
  std::unique_ptr<TokenChooser> chooser_;
  ModelIndex loaded_;
  std::optional<PromptEncoder> text_;
  std::optional<LoadedModel> model_;
  std::map<BenchmarkIndex, std::unique_ptr<Benchmark>> benchmarks_;
};

class EncodingPromptCounter : public PromptCounter {
 public:
  EncodingPromptCounter(const ExperimentConfig& config, ModelIndex model, BenchmarkIndex benchmark)
      : protocol_(element(config.benchmarks, benchmark).protocol),
        double_begin_token_(config.generation.double_begin_token),
        encoder_(element(config.models, model).path),
        benchmark_(load_benchmark(element(config.benchmarks, benchmark), config.generation.seed)) {}

  std::int64_t count_prompt_tokens(QuestionIndex index) override {
    return static_cast<std::int64_t>(
        encoder_.encode_question(*benchmark_, index, protocol_, double_begin_token_).size());
  }

 private:
  std::string protocol_;
  bool double_begin_token_;
  PromptEncoder encoder_;
  std::unique_ptr<Benchmark> benchmark_;
};

}  // namespace

std::int64_t count_gpus() {
  return at::hasCUDA() ? static_cast<std::int64_t>(at::getNumGPUs()) : 0;
}

std::unique_ptr<UnitExecutor> make_engine(const ExperimentConfig& config, const EngineOptions& options) {
  return std::make_unique<LacEngine>(config, options);
}

ModelFacts check_model(const ModelConfig& model) {
  ModelFacts facts = inspect_model(model.path);
  const PromptEncoder encoder(model.path);
  const auto tokenizer_entries = static_cast<std::int64_t>(encoder.tokenizer().vocabulary_size());
  if (tokenizer_entries > facts.architecture.vocabulary) {
    throw InputError({.problem = fmt::format("the tokenizer has {} entries, the model's embedding only {}",
                                             tokenizer_entries, facts.architecture.vocabulary),
                      .suggestion = "check that tokenizer.json belongs to this checkpoint"},
                     SourceLocation{model.path});
  }
  return facts;
}

std::unique_ptr<PromptCounter> make_prompt_counter(const ExperimentConfig& config, ModelIndex model,
                                                   BenchmarkIndex benchmark) {
  return std::make_unique<EncodingPromptCounter>(config, model, benchmark);
}

std::string describe_device(const EngineOptions& options) {
  const std::string device =
      options.device_index >= 0 ? fmt::format("cuda:{}", options.device_index) : std::string("cpu");
  return fmt::format("LibTorch {}, {}", TORCH_VERSION, device);
}

}  // namespace lacuna
