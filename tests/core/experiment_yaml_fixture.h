// Reads whatever YAML a test writes as an experiment.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/experiment_yaml.h"

namespace lacuna::testing {

// A scratch folder with a model directory, a data file, and whatever YAML a test writes.
class ExperimentYaml : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::path(::testing::TempDir()) / ("yaml_" + std::string(info->name()));
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ / "model");
    std::filesystem::create_directories(root_ / "other");
    write("data.csv", "x");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << text;
    return root_ / name;
  }

  // The error of reading that text as an experiment, or "" if there is none.
  std::string error_of(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    const std::filesystem::path file = write("e.yaml", text);
    try {
      read_experiment(file, overrides, {.benchmark_kinds = {"boolq", "gpqa", "mmlu"}});
      return "";
    } catch (const InputError& error) {
      std::string message = error.what();
      const std::string prefix = root_.string() + "/";
      for (std::size_t at; (at = message.find(prefix)) != std::string::npos;)
        message.erase(at, prefix.size());
      return message;
    }
  }

  ExperimentConfig read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    return read_experiment(write("e.yaml", text), overrides);
  }

  // Valid; tests put their own lines after it.
  static std::string base(const std::string& more = "", const std::string& lac = "{alphas: [0.5]}") {
    return "models: [{name: m, path: model}]\nbenchmarks: [{benchmark: mmlu, path: data.csv}]\nlac: " + lac +
           "\n" + more;
  }

  std::filesystem::path root_;
};

}  // namespace lacuna::testing
