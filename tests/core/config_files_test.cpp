// The experiment files that come with the project are valid.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/experiment_yaml.h"

namespace lacuna {
namespace {

TEST(ConfigFiles, ExperimentsCanBeRead) {
  setenv("LACUNA_MODELS", "/models", 1);
  setenv("LACUNA_DATA", "/data", 1);
  int experiments = 0;
  for (const auto& entry : std::filesystem::directory_iterator("configs/experiments")) {
    const ExperimentConfig config = read_experiment(
        entry.path(), {}, {.benchmark_kinds = {"boolq", "gpqa", "mmlu"}, .require_paths = false});
    EXPECT_EQ(config.models.size(), 3U) << entry.path();
    EXPECT_EQ(config.benchmarks.size(), 3U) << entry.path();
    EXPECT_GE(config.lac.alphas.size(), 5U) << entry.path();
    ++experiments;
  }
  EXPECT_GE(experiments, 2);
}

// Every model and benchmark file can stand in an experiment, whether one of ours uses it or not.
TEST(ConfigFiles, EveryModelAndBenchmarkCanBeIncluded) {
  setenv("LACUNA_MODELS", "/models", 1);
  setenv("LACUNA_DATA", "/data", 1);
  const ExperimentReadOptions options{.benchmark_kinds = {"boolq", "gpqa", "mmlu"}, .require_paths = false};
  for (const char* const kind : {"models", "benchmarks"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path("configs") / kind)) {
      const std::string argument =
          std::string(kind) + "=[" + std::filesystem::absolute(entry.path()).string() + "]";
      EXPECT_NO_THROW(read_experiment("configs/experiments/demo.yaml", {argument}, options)) << argument;
    }
  }
}

}  // namespace
}  // namespace lacuna
