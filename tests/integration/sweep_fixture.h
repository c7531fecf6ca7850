// A small sweep with a stand-in for inference (fake_sweep), run as a user would: 48 units of 184 questions.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "results/run_directory.h"
#include "tests/integration/run_program.h"

namespace lacuna::testing {

class SweepFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::absolute(std::filesystem::path(::testing::TempDir()) /
                                      fmt::format("sweep_{}_{}", info->name(), getpid()));
    std::filesystem::remove_all(root_);
    for (const char* const model : {"a", "b"}) {
      std::filesystem::create_directories(root_ / model);
      write(fmt::format("{}/config.json", model), fmt::format("\"{}\"", model));
    }
    std::string boolq;
    std::string mmlu;
    for (int i = 0; i < 23; ++i) {
      boolq += fmt::format("{{\"question\": \"q{}\", \"passage\": \"p\", \"answer\": {}}}\n", i, i % 2 == 0);
      mmlu += fmt::format("Question {},w,x,y,z,{}\n", i, static_cast<char>('A' + i % 4));
    }
    write("boolq.jsonl", boolq);
    write("mmlu/test/astronomy_test.csv", mmlu);
    write("e.yaml", R"(
models: [{name: a, path: a}, {name: b, path: b}]
benchmarks: [{benchmark: boolq, path: boolq.jsonl}, {benchmark: mmlu, path: mmlu}]
lac: {alphas: [0.2, 0.5, 0.8], modes: [exit, propagate]}
compute: {unit_questions: 4, device: cpu}
)");
  }
  void TearDown() override {
    if (!HasFailure()) std::filesystem::remove_all(root_);
  }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << text;
  }

  // Runs the sweep with that many ranks (0: without mpirun) into <root>/<output>.
  [[nodiscard]] Finished run(int ranks, const std::string& output, const std::string& more = "",
                             const std::string& variables = "") const {
    return run_program(fmt::format("{} {} {} {} output={} {}", variables, launcher(ranks), FAKE_SWEEP,
                                   (root_ / "e.yaml").string(), (root_ / output).string(), more),
                       root_);
  }

  [[nodiscard]] RunDirectory directory(const std::string& output) const {
    return RunDirectory(root_ / output);
  }
  [[nodiscard]] std::filesystem::path store(const std::string& output) const {
    return directory(output).store_file();
  }

  std::filesystem::path root_;
};

}  // namespace lacuna::testing
