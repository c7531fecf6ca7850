// `lacuna run` with a stand-in for inference: fake_sweep EXPERIMENT.yaml [key=value ...]
// With all options of the command, for job scripts: fake_sweep run [OPTIONS] EXPERIMENT.yaml [key=value ...]
// Also `status`, `verify` and `compare`, which start in no time without LibTorch.
//
// Answers and norms follow from the question's id, the model's name and alpha. Environment:
//   FAKE_FAIL_UNIT=TEXT   units whose id contains TEXT fail
//   FAKE_NO_ENGINE=1      no worker can start
//   FAKE_GPUS=1           the GPUs are those of CUDA_VISIBLE_DEVICES; workers report which is theirs
//   FAKE_GPUS_WHILE=FILE  only while FILE exists
//   FAKE_UNIT_MS=N        every unit takes N milliseconds
//   FAKE_WRITE_MS=N       and its part N more to be written
//   FAKE_DIE_AT=TEXT      the process kills itself when it is given a unit whose id contains TEXT
//   FAKE_HANG_AT=TEXT     such a unit never ends
//   FAKE_SPOIL_AT=TEXT    a bit of such a unit's part is flipped as soon as it is committed
//   FAKE_ONCE=FILE        dying, hanging and spoiling happen only while FILE exists, which is removed then
//   FAKE_ENGINE=process   where workers compute (--engine)
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "apps/command.h"
#include "apps/inference.h"
#include "apps/report_error.h"
#include "apps/sweep/sweep_session.h"
#include "apps/sweep/worker_role.h"
#include "core/content_hash.h"
#include "core/error.h"
#include "results/run_directory.h"
#include "worker/benchmarks/benchmark.h"

namespace lacuna {
namespace {

constexpr std::int64_t kLayers = 5;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool names_unit(const char* variable_name, const WorkUnit& unit) {
  const std::string text = variable(variable_name);
  return !text.empty() && unit.id.value().find(text) != std::string::npos;
}

bool may_misbehave() {
  const std::string file = variable("FAKE_ONCE");
  return file.empty() || std::filesystem::remove(file);
}

void flip_bit(const std::filesystem::path& file) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekg(100);
  const int byte = stream.get();
  stream.seekp(100);
  stream.put(static_cast<char>(byte ^ 1));
}

// A number from 0 to 255 that follows from a text.
int digest(const std::string& text) {
  return std::stoi(hash_bytes(text).substr(0, 2), nullptr, 16);
}

TraceRows make_rows(const std::string& key, std::int64_t tokens, std::int64_t alphas) {
  TraceRows rows = TraceRows::zeros(tokens, alphas, kLayers);
  for (std::size_t i = 0; i < rows.norms.size(); ++i) {
    rows.norms[i] = static_cast<float>(digest(fmt::format("{} norm {}", key, i)));
  }
  for (std::int64_t token = 0; token < tokens; ++token) {
    for (std::int64_t alpha = 0; alpha < alphas; ++alpha) {
      for (std::int64_t layer = 0; layer < kLayers; ++layer) {
        if (digest(fmt::format("{} {} {} {}", key, token, alpha, layer)) % 2 == 0)
          rows.set_active(token, alpha, layer);
      }
    }
  }
  return rows;
}

void pause_for(const char* variable_name) {
  const std::string pause = variable(variable_name);
  if (!pause.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(pause)));
}

// A disk that is slow, or spoils what it was given.
class FakeDisk : public RecordSink {
 public:
  FakeDisk(std::unique_ptr<RecordSink> sink, RunDirectory directory)
      : sink_(std::move(sink)), directory_(std::move(directory)) {}
  void begin_unit(const WorkUnit& unit, std::int64_t layers) override {
    unit_ = unit;
    sink_->begin_unit(unit, layers);
  }
  void write(const QuestionRecord& record) override { sink_->write(record); }
  void commit_unit() override {
    pause_for("FAKE_WRITE_MS");
    sink_->commit_unit();
    if (names_unit("FAKE_SPOIL_AT", unit_) && may_misbehave()) flip_bit(directory_.part_file(unit_.id));
  }
  void keep_alive() override { sink_->keep_alive(); }

 private:
  std::unique_ptr<RecordSink> sink_;
  RunDirectory directory_;
  WorkUnit unit_;
};

class FakeInference : public UnitExecutor {
 public:
  explicit FakeInference(const ExperimentConfig& config) : config_(config) {}

  void execute(const WorkUnit& unit, RecordSink& sink) override {
    if (names_unit("FAKE_DIE_AT", unit) && may_misbehave()) std::raise(SIGKILL);
    if (names_unit("FAKE_HANG_AT", unit) && may_misbehave()) pause();
    if (names_unit("FAKE_FAIL_UNIT", unit)) throw InputError({.problem = "this unit fails on purpose"});
    pause_for("FAKE_UNIT_MS");
    const auto benchmark = load_benchmark(
        config_.benchmarks.at(static_cast<std::size_t>(unit.benchmark.value())), config_.generation.seed);
    sink.begin_unit(unit, kLayers);
    for (std::int64_t i = 0; i < unit.question_count; ++i) {
      sink.write(make_record(unit, *benchmark, QuestionIndex(unit.first_question.value() + i)));
    }
    sink.commit_unit();
  }

 private:
  [[nodiscard]] QuestionRecord make_record(const WorkUnit& unit, const Benchmark& benchmark,
                                           QuestionIndex index) const {
    const Question& question = benchmark.question(index);
    const std::string key =
        question.id.value() + config_.models.at(static_cast<std::size_t>(unit.model.value())).name;
    const auto alphas = static_cast<std::int64_t>(config_.lac.alphas.size());
    QuestionRecord record;
    record.id = question.id;
    record.index = index;
    record.subject = question.subject;
    record.gold = question.gold;
    for (int i = 0; i < 3 + digest(key) % 3; ++i)
      record.prompt_ids.emplace_back(digest(fmt::format("{}{}", key, i)));
    const auto tokens = static_cast<std::int64_t>(record.prompt_ids.size());
    if (unit.stream == StreamKind::kShared) {
      record.pp.push_back(make_rows(key, tokens, alphas));
      record.responses.push_back(answer(benchmark, index, key, LacMode::kTrace, std::nullopt, alphas));
    }
    const LacMode mode = unit.stream == StreamKind::kShared ? LacMode::kExit : LacMode::kPropagate;
    for (std::int32_t alpha = 0; alpha < alphas; ++alpha) {
      const std::string branch = fmt::format("{} {}", key, alpha);
      if (mode == LacMode::kPropagate) record.pp.push_back(make_rows(branch, tokens, 1));
      record.responses.push_back(answer(benchmark, index, branch, mode, AlphaIndex(alpha), 1));
    }
    return record;
  }

  static ResponseRecord answer(const Benchmark& benchmark, QuestionIndex index, const std::string& key,
                               LacMode mode, std::optional<AlphaIndex> alpha, std::int64_t alphas) {
    ResponseRecord response;
    response.mode = mode;
    response.alpha = alpha;
    response.token_ids = {TokenId(digest(key)), TokenId(1)};
    response.rg = make_rows(key, 1, alphas);
    response.text = benchmark.question(index).gold.size() == 1
                        ? std::string(1, static_cast<char>('A' + digest(key) % 4))
                        : (digest(key) % 2 == 0 ? "True" : "False");
    const Grade grade = benchmark.grade(index, response.text);
    response.choice = grade.choice;
    response.correct = grade.correct;
    return response;
  }

  ExperimentConfig config_;
};

std::vector<std::string> fake_gpus() {
  std::vector<std::string> gpus;
  if (variable("FAKE_GPUS").empty()) return gpus;
  const std::string file = variable("FAKE_GPUS_WHILE");
  if (!file.empty() && !std::filesystem::exists(file)) return gpus;
  std::istringstream list(variable("CUDA_VISIBLE_DEVICES"));
  for (std::string gpu; std::getline(list, gpu, ',');) gpus.push_back(gpu);
  return gpus;
}

InferenceParts make_fake_parts() {
  return {.check_model =
              [](const ModelConfig& model, const std::vector<BenchmarkConfig>&) {
                const auto file = model.path / "config.json";
                if (!std::ifstream(file)) {
                  throw InputError({.problem = "there is no config.json"},
                                   SourceLocation{.file = model.path});
                }
                return ModelSummary{.family = "fake",
                                    .layers = kLayers,
                                    .parameters = 1000,
                                    .weight_bytes = 2000,
                                    .cache_values_per_token = 10,
                                    .max_positions = 0,
                                    .files = {file}};
              },
          .find_long_prompts = [](const ExperimentConfig&, ModelIndex, BenchmarkIndex,
                                  std::int64_t) { return LongPrompts{}; },
          .count_gpus = [] { return static_cast<std::int64_t>(fake_gpus().size()); },
          .make_executor = [](const ExperimentConfig& config,
                              const WorkerPlace&) -> std::unique_ptr<UnitExecutor> {
            if (!variable("FAKE_NO_ENGINE").empty()) throw SystemError({.problem = "the device is on fire"});
            return std::make_unique<FakeInference>(config);
          },
          .describe_device =
              [](const WorkerPlace& place) {
                if (place.device_index < 0) return std::string("fake device");
                return "fake GPU " + fake_gpus().at(static_cast<std::size_t>(place.device_index));
              },
          .wrap_sink =
              [](std::unique_ptr<RecordSink> sink, const RunDirectory& directory) {
                return std::unique_ptr<RecordSink>(std::make_unique<FakeDisk>(std::move(sink), directory));
              }};
}

}  // namespace

// run_command.cpp is linked in and gets the stand-in from here.
InferenceParts make_inference_parts() {
  return make_fake_parts();
}

void add_compare_command(CLI::App& app, CommandOutcome& outcome);
void add_run_command(CLI::App& app, CommandOutcome& outcome);
void add_status_command(CLI::App& app, CommandOutcome& outcome);
void add_verify_command(CLI::App& app, CommandOutcome& outcome);

namespace {

int run_command_line(int argc, char** argv) {
  CLI::App app{"lacuna with a stand-in for inference"};
  CommandOutcome outcome;
  for (const auto add : {add_run_command, add_status_command, add_verify_command, add_compare_command}) {
    add(app, outcome);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kBadInput);
  }
  return outcome.exit_code;
}

}  // namespace
}  // namespace lacuna

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (!arguments.empty() && arguments.front() == lacuna::kEngineCommand) {
      return static_cast<int>(
          lacuna::serve_as_engine({arguments.begin() + 1, arguments.end()}, lacuna::make_fake_parts()));
    }
    const bool names_experiment = arguments.empty() || arguments.front().ends_with(".yaml");
    if (!names_experiment) return lacuna::run_command_line(argc, argv);
    lacuna::SweepRequest request{.experiment_file = argc > 1 ? argv[1] : "", .overrides = {}};
    for (int i = 2; i < argc; ++i) request.overrides.emplace_back(argv[i]);
    const std::string engine = lacuna::variable("FAKE_ENGINE");
    if (!engine.empty()) request.engine = lacuna::parse_engine_placement(engine);
    return static_cast<int>(lacuna::run_sweep(request, lacuna::make_fake_parts()));
  } catch (...) {
    return static_cast<int>(lacuna::report_error(std::current_exception()));
  }
}
