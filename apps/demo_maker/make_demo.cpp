// `lacuna-make-demo`: makes the embedded demo, three small checkpoints and their benchmark files, from
// nothing but a seed.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "apps/demo_maker/demo_data_files.h"
#include "apps/demo_maker/demo_families.h"
#include "apps/demo_maker/demo_samples.h"
#include "apps/demo_maker/demo_training.h"
#include "apps/demo_maker/exit_report.h"
#include "core/error.h"
#include "worker/checkpoint/safetensors_writer.h"
#include "worker/models/load_model.h"
#include "worker/nn/compute_threads.h"

namespace lacuna {
namespace {

struct MakerOptions {
  std::filesystem::path out = "demo";
  std::string only;  // one model's directory name, or empty for all
  std::uint64_t seed = 1;
  std::size_t training_questions = 24000;
  DemoTestSize test;
  TrainingSettings training = choose_demo_training();
};

constexpr std::size_t kLargestMergeCount = 700;
constexpr std::int64_t kLeastPairCount = 8;
constexpr std::size_t kTextsForMerges = 3000;

// Different numbers for different purposes, from the one seed of the command line.
enum class SeedUse : std::uint64_t { kTest = 1, kTraining = 2, kWeights = 3, kBatches = 4 };
std::uint64_t derive_seed(const MakerOptions& options, SeedUse use) {
  return options.seed * 1000 + static_cast<std::uint64_t>(use);
}

// A folder for training files that goes away with this object.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "lacuna-make-demo-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) {
      throw SystemError({.problem = "cannot make a temporary folder like " + path});
    }
    path_ = path;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void make_model(DemoFamily family, const MakerOptions& options, const std::vector<DemoText>& training_texts,
                const std::vector<DemoText>& test_texts) {
  const std::filesystem::path directory = options.out / "models" / family.directory;
  write_tokenizer_files(directory, family, {});
  const std::size_t stride = std::max<std::size_t>(1, training_texts.size() / kTextsForMerges);
  std::vector<DemoText> merge_texts;
  for (std::size_t i = 0; i < training_texts.size(); i += stride) merge_texts.push_back(training_texts[i]);
  const std::vector<BpeMerge> merges =
      learn_merges(count_pieces(family, directory, merge_texts), kLargestMergeCount, kLeastPairCount);
  write_tokenizer_files(directory, family, merges);
  const std::vector<std::string> vocabulary = list_vocabulary(family, merges);
  family.shape.vocabulary = static_cast<std::int64_t>(vocabulary.size());
  write_model_configs(directory, family, vocabulary);

  const std::vector<TrainingSample> samples = make_samples(family, directory, training_texts);
  const std::vector<TrainingSample> test = make_samples(family, directory, test_texts);
  fmt::print("{}: vocabulary {}, prompts of about {} tokens\n", family.directory, vocabulary.size(),
             test.front().answer_begin);
  CausalLm model = assemble_model(family.shape);
  initialize_weights(model, derive_seed(options, SeedUse::kWeights));
  TrainingSettings settings = options.training;
  settings.seed = derive_seed(options, SeedUse::kBatches);
  const auto start = std::chrono::steady_clock::now();
  train_model(model, samples, settings, [&](std::int64_t step, double loss) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    fmt::print("  step {:5d}  loss {:.4f}  {:.0f} s\n", step, loss, elapsed.count());
    std::fflush(stdout);
  });
  std::vector<std::pair<std::string, at::Tensor>> stored;
  for (const auto& [name, weight] : list_weights(model)) {
    stored.emplace_back(name, weight->detach().to(at::kBFloat16));
  }
  write_safetensors(directory / "model.safetensors", stored);

  // Through the loader: what is reported is what the files hold.
  const LoadedModel loaded = load_model(directory, DataType::kFloat32, at::kCPU);
  const ExitReport report =
      measure_exits(loaded.model, test, {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0});
  fmt::print("{}", format_report(report, kDemoKinds));
  std::fflush(stdout);
}

void make_demo(const MakerOptions& options) {
  set_compute_threads(1);  // the same bits on every run, whatever the number of cores
  const DemoTestSet test = draw_test_set(derive_seed(options, SeedUse::kTest), options.test);
  write_test_files(options.out / "data", test);
  const std::vector<DemoText> test_texts = read_test_texts(options.out / "data");
  const ScratchFolder scratch;
  const std::vector<DemoText> training_texts = make_training_texts(
      derive_seed(options, SeedUse::kTraining), options.training_questions, test, scratch.path());
  for (const DemoFamily& family : demo_families()) {
    if (options.only.empty() || options.only == family.directory) {
      make_model(family, options, training_texts, test_texts);
    }
  }
}

}  // namespace
}  // namespace lacuna

int main(int argc, char** argv) {
  lacuna::MakerOptions options;
  CLI::App app{"Makes Lacuna's embedded demo: three small models and the questions they are asked."};
  app.add_option("--out", options.out, "folder to write models/ and data/ into")->capture_default_str();
  app.add_option("--only", options.only, "make this model alone: llama-demo, mistral-demo or qwen-demo");
  app.add_option("--seed", options.seed, "everything follows from it")->capture_default_str();
  app.add_option("--steps", options.training.steps, "training steps a model")->capture_default_str();
  app.add_option("--training-questions", options.training_questions, "questions to train on")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
    lacuna::make_demo(options);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(lacuna::ExitCode::kBadInput);
  } catch (const lacuna::Error& error) {
    std::fprintf(stderr, "lacuna-make-demo: error: %s\n", error.what());
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lacuna-make-demo: error: %s\n", error.what());
    return static_cast<int>(lacuna::ExitCode::kFailure);
  }
}
