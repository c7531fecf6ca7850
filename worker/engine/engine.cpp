#include "worker/engine/engine.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/error.h"
#include "worker/benchmarks/choice_scoring.h"
#include "worker/engine/generator.h"
#include "worker/engine/prompt_encoder.h"
#include "worker/nn/compute_device.h"
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

// Of a prompt pass, until it is measured: the stream, what attention and the MLP make of it, the scores of a
// block of queries.
std::int64_t guess_pass_token_bytes(const CausalLm& model) {
  const Architecture& shape = model.architecture;
  const std::int64_t elements = 8 * shape.hidden + 3 * shape.intermediate + 4 * shape.heads * shape.head_dim;
  return elements * static_cast<std::int64_t>(c10::elementSize(model.dtype()));
}

// The prompts of a unit, that of its question i at i. Scores may need a prompt of their own, which then comes
// after all of these.
struct UnitPrompts {
  std::vector<GeneratorPrompt> list;
  std::vector<std::size_t> scored_at;  // of every question: the prompt that carries its continuations
};

class LacEngine : public UnitExecutor {
 public:
  LacEngine(const ExperimentConfig& config, const EngineOptions& options)
      : config_(config),
        device_(open_device(options.device_index)),
        memory_bytes_(options.memory_bytes),
        chooser_(make_token_chooser(config.generation)) {
    set_compute_threads(options.threads);
  }

  void execute(const WorkUnit& unit, RecordSink& sink) override {
    const KeepAlive keep_alive = [&sink] { sink.keep_alive(); };
    load(unit.model, keep_alive);
    const Benchmark& benchmark = find_benchmark(unit.benchmark);
    const BenchmarkConfig& config = element(config_.benchmarks, unit.benchmark);
    UnitPrompts prompts = encode_unit(unit, benchmark, config);
    Generator generator(model_->model, *chooser_, make_options(unit.stream, keep_alive));
    std::vector<GeneratedQuestion> answers = generator.generate(prompts.list);
    sink.begin_unit(unit, model_->model.architecture.layers);
    for (std::size_t offset = 0; offset < prompts.scored_at.size(); ++offset) {
      const QuestionIndex index(unit.first_question.value() + static_cast<std::int64_t>(offset));
      const std::vector<SpecScores> scores = std::move(answers[prompts.scored_at[offset]].scores);
      QuestionRecord record = make_record(benchmark, index, std::move(prompts.list[offset].token_ids),
                                          std::move(answers[offset]));
      for (const SpecScores& score : scores) {
        record.scores.push_back(make_score(benchmark, index, config, score));
      }
      sink.write(record);
    }
    sink.commit_unit();
  }

 private:
  void load(ModelIndex model, const KeepAlive& keep_alive) {
    if (model_ && loaded_ == model) return;
    model_.reset();  // never two models in memory
    const ModelConfig& wanted = element(config_.models, model);
    text_.emplace(wanted.path);
    // Now, not after the minutes that a large model takes to load.
    if (std::ranges::any_of(config_.benchmarks, needs_chat_template)) text_->require_chat_template();
    LoadOptions load_options{.keep_alive = keep_alive};
    // Half of a worker's share of the machine: the rest is for its work.
    if (memory_bytes_ > 0) load_options.most_copied_bytes = memory_bytes_ / 2;
    model_.emplace(load_model(wanted.path, config_.compute.dtype, device_, load_options));
    loaded_ = model;
    memory_.emplace(memory_bytes_, guess_pass_token_bytes(model_->model));
  }

  const Benchmark& find_benchmark(BenchmarkIndex index) {
    auto& benchmark = benchmarks_[index];
    if (!benchmark) benchmark = load_benchmark(element(config_.benchmarks, index), config_.generation.seed);
    return *benchmark;
  }

  [[nodiscard]] UnitPrompts encode_unit(const WorkUnit& unit, const Benchmark& benchmark,
                                        const BenchmarkConfig& config) const {
    const bool wants_answers = config.asks_for(Scoring::kGenerate);
    UnitPrompts prompts;
    std::vector<GeneratorPrompt> apart;
    for (std::int64_t offset = 0; offset < unit.question_count; ++offset) {
      const QuestionIndex index(unit.first_question.value() + offset);
      EncodedQuestion encoded =
          text_->encode_question(benchmark, index, config, config_.generation.double_begin_token);
      GeneratorPrompt prompt{.question = benchmark.question(index).id,
                             .token_ids = std::move(encoded.prompt_ids),
                             .wants_answers = wants_answers};
      prompts.scored_at.push_back(static_cast<std::size_t>(offset));
      if (encoded.pairs) {
        if (auto continuations = continue_prompt(prompt.token_ids, *encoded.pairs)) {
          prompt.continuations = std::move(*continuations);
        } else {
          // The tokens at the end of the prompt depend on what follows it.
          GeneratorPrompt context{.question = prompt.question,
                                  .token_ids = std::move(encoded.pairs->context_ids),
                                  .wants_answers = false,
                                  .continuations = {.tokens = std::move(encoded.pairs->continuation_ids)}};
          if (wants_answers) {
            prompts.scored_at.back() = static_cast<std::size_t>(unit.question_count) + apart.size();
            apart.push_back(std::move(context));
          } else {
            prompt = std::move(context);
          }
        }
      }
      prompts.list.push_back(std::move(prompt));
    }
    std::move(apart.begin(), apart.end(), std::back_inserter(prompts.list));
    return prompts;
  }

  [[nodiscard]] static ScoreRecord make_score(const Benchmark& benchmark, QuestionIndex index,
                                              const BenchmarkConfig& config, const SpecScores& scores) {
    const std::vector<Continuation> continuations = list_continuations(benchmark, index, config);
    ScoreRecord record;
    record.mode = scores.spec.mode;
    record.alpha = scores.spec.alpha;
    for (std::size_t i = 0; i < continuations.size(); ++i) {
      const ScoredContinuation& scored = scores.continuations.at(i);
      record.continuations.push_back({.choice = continuations[i].choice,
                                      .tokens = static_cast<std::int32_t>(scored.tokens),
                                      .characters = continuations[i].characters,
                                      .log_likelihood = scored.log_likelihood,
                                      .is_greedy = scored.is_greedy});
    }
    choose_by_log_likelihood(record, benchmark.question(index).gold, benchmark.has_normalized_accuracy());
    return record;
  }

  [[nodiscard]] GeneratorOptions make_options(StreamKind stream, const KeepAlive& keep_alive) {
    return {.stream = stream,
            .branches = list_branches(config_.lac, stream),
            .alphas = config_.lac.alphas,
            .norm_precision = config_.lac.norm_precision,
            .max_new_tokens = config_.generation.max_new_tokens,
            .stop_tokens = model_->stop_tokens,
            .keep_logits = false,
            .batch_tokens = config_.compute.batch_tokens,
            .keep_alive = keep_alive,
            .memory = memory_ ? &*memory_ : nullptr};
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
                          .scores = {},
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
  std::int64_t memory_bytes_;
  std::optional<MemoryBudget> memory_;  // of the loaded model
  std::unique_ptr<TokenChooser> chooser_;
  ModelIndex loaded_;
  std::optional<PromptEncoder> text_;
  std::optional<LoadedModel> model_;
  std::map<BenchmarkIndex, std::unique_ptr<Benchmark>> benchmarks_;
};

class EncodingPromptCounter : public PromptCounter {
 public:
  EncodingPromptCounter(const ExperimentConfig& config, ModelIndex model, BenchmarkIndex benchmark)
      : config_(element(config.benchmarks, benchmark)),
        double_begin_token_(config.generation.double_begin_token),
        encoder_(element(config.models, model).path),
        benchmark_(load_benchmark(element(config.benchmarks, benchmark), config.generation.seed)) {
    config_.scoring = {Scoring::kGenerate};  // pairs of prompt and continuation need not be tokenized
  }

  std::int64_t count_prompt_tokens(QuestionIndex index) override {
    return static_cast<std::int64_t>(
        encoder_.encode_question(*benchmark_, index, config_, double_begin_token_).prompt_ids.size());
  }

  std::vector<std::int64_t> count_long_prompts(std::int64_t most_tokens) override {
    std::vector<std::int64_t> counts;
    for (std::int64_t i = 0; i < benchmark_->size(); ++i) {
      const QuestionIndex index(i);
      if (encoder_.bound_prompt_tokens(*benchmark_, index, config_) <= most_tokens) continue;
      const std::int64_t count = count_prompt_tokens(index);
      if (count > most_tokens) counts.push_back(count);
    }
    return counts;
  }

 private:
  BenchmarkConfig config_;
  bool double_begin_token_;
  PromptEncoder encoder_;
  std::unique_ptr<Benchmark> benchmark_;
};

}  // namespace

std::unique_ptr<UnitExecutor> make_engine(const ExperimentConfig& config, const EngineOptions& options) {
  return std::make_unique<LacEngine>(config, options);
}

ModelFacts check_model(const ModelConfig& model, const std::vector<BenchmarkConfig>& benchmarks) {
  ModelFacts facts = inspect_model(model.path);
  const PromptEncoder encoder(model.path);
  if (std::ranges::any_of(benchmarks, needs_chat_template)) encoder.require_chat_template();
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
