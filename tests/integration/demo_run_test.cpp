// `lacuna run` on a part of the embedded demo: the store does not depend on the number of processes, nor on
// being killed in between.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "results/hdf5_file.h"
#include "results/merge.h"
#include "results/part_catalog.h"
#include "results/run_directory.h"
#include "tests/integration/run_program.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::Finished;
using ::testing::HasSubstr;
using testing::launcher;
using ::testing::Not;
using testing::run_program;

constexpr const char* kExperiment = "configs/experiments/demo.yaml";
constexpr const char* kPart =
    "benchmarks.mmlu.limit=12 benchmarks.gpqa.limit=12 benchmarks.boolq.limit=12 compute.unit_questions=5 "
    "compute.device=cpu 'lac.modes=[exit,propagate]' generation.max_new_tokens=4 "
    // Every way of scoring: both together, answers alone, log-likelihoods alone.
    "'benchmarks.mmlu.scoring=[generate,loglik]' benchmarks.gpqa.protocol=harness "
    "'benchmarks.gpqa.scoring=[loglik]'";

class DemoRun : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fs::exists("demo/models/qwen-demo/model.safetensors")) << "run this from the repository root";
    root_ = fs::absolute(fs::path(::testing::TempDir()) / fmt::format("demo_run_{}", getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override {
    if (!HasFailure()) fs::remove_all(root_);
  }

  Finished run(int ranks, const std::string& output, const std::string& more = "") const {
    return run_program(fmt::format("{} {} run {} output={} {} {}", launcher(ranks), LACUNA_BINARY,
                                   kExperiment, (root_ / output).string(), kPart, more),
                       root_);
  }
  [[nodiscard]] fs::path store(const std::string& output) const {
    return RunDirectory(root_ / output).store_file();
  }

  fs::path root_;
};

// The demo's models are made for 2048 positions.
TEST_F(DemoRun, PlanWarnsOfPromptsThatAreTooLongForAModel) {
  const auto plan = [&](const std::string& more) {
    return run_program(fmt::format("{} plan {} output={} benchmarks.mmlu.limit=12 {}", LACUNA_BINARY,
                                   kExperiment, (root_ / "planned").string(), more),
                       root_);
  };
  const Finished fits = plan("");
  EXPECT_EQ(fits.exit_code, 0) << fits.err;
  EXPECT_THAT(fits.out, Not(HasSubstr("max_position_embeddings")));
  const Finished warned = plan("generation.max_new_tokens=2047");
  EXPECT_EQ(warned.exit_code, 0) << warned.err;
  EXPECT_THAT(warned.out, HasSubstr("warning: qwen-demo on mmlu: 12 of 12 questions may need more than the "
                                    "model's 2048 positions"));
}

TEST_F(DemoRun, StoreDoesNotDependOnProcessesOrThreads) {
  const Finished alone = run(0, "alone");
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_THAT(alone.out, HasSubstr("store: " + store("alone").string()));
  for (const char* const rows :
       {"| mmlu      | generate    | exit ", "| mmlu      | loglik      | propagate ",
        "| gpqa      | loglik-norm | trace ", "| boolq     | generate    | exit "}) {
    EXPECT_THAT(alone.out, HasSubstr(rows));
  }
  EXPECT_THAT(alone.out, Not(HasSubstr("| gpqa      | generate ")));
  ASSERT_EQ(run(0, "threads", "compute.threads=3").exit_code, 0);
  EXPECT_EQ(compare_stores(store("alone"), store("threads")), "") << "3 threads";
  if (HAS_MPI == 0) return;
  for (const int ranks : {1, 2, 3, 5}) {
    const std::string output = fmt::format("ranks{}", ranks);
    const Finished finished = run(ranks, output);
    ASSERT_EQ(finished.exit_code, 0) << ranks << " ranks: " << finished.err;
    EXPECT_EQ(compare_stores(store("alone"), store(output)), "") << ranks << " ranks";
  }
}

TEST_F(DemoRun, KilledAndStartedAgainItEndsWithTheSameStore) {
  ASSERT_EQ(run(0, "whole").exit_code, 0);
  // Killed as soon as some parts are there.
  const RunDirectory killed(root_ / "killed");
  std::ofstream(root_ / "kill.sh") << fmt::format(
      "{} run {} output={} {} &\n"
      "for i in $(seq 2000); do [ $(ls {} 2>/dev/null | wc -l) -ge 5 ] && break; sleep 0.02; done\n"
      "kill -9 $!\n",
      LACUNA_BINARY, kExperiment, killed.root().string(), kPart, killed.parts_folder().string());
  run_program(fmt::format("bash {}", (root_ / "kill.sh").string()), root_);
  ASSERT_GE(committed_units(killed).size(), 1U);
  ASSERT_FALSE(fs::exists(killed.store_file())) << "it was not killed in time";
  const Finished resumed = run(HAS_MPI == 0 ? 0 : 3, "killed");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("resuming: "));
  EXPECT_EQ(compare_stores(store("whole"), store("killed")), "");
}

// The last space of such a prompt is one token with the letter behind it, so answers and log-likelihoods
// cannot have the prompt pass in common; neither may notice the other.
TEST_F(DemoRun, PromptsThatEndWithASpaceAreScoredByAPassOfTheirOwn) {
  const fs::path model = root_ / "model";
  fs::copy("demo/models/llama-demo", model, fs::copy_options::recursive);
  std::ifstream original("demo/models/llama-demo/tokenizer_config.json");
  std::string config{std::istreambuf_iterator<char>(original), {}};
  const std::string ending = R"(\\n\\n' }})";  // of the generation prompt, inside JSON
  ASSERT_NE(config.rfind(ending), std::string::npos);
  config.replace(config.rfind(ending), ending.size(), R"(\\n\\nx ' }})");
  std::ofstream(model / "tokenizer_config.json") << config;
  const auto run_scoring = [&](const std::string& scoring) {
    const Finished finished =
        run(0, scoring,
            fmt::format("'models=[{{name: m, path: {}}}]' 'benchmarks=[{{benchmark: mmlu, limit: 6, "
                        "path: {}, scoring: [{}]}}]'",
                        model.string(), fs::absolute("demo/data/mmlu").string(), scoring));
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
  };
  for (const char* const scoring : {"generate", "loglik", "generate,loglik"}) run_scoring(scoring);
  const Hdf5File answers = Hdf5File::open(store("generate"));
  const Hdf5File scores = Hdf5File::open(store("loglik"));
  const Hdf5File both = Hdf5File::open(store("generate,loglik"));
  const auto expect_same = [&]<class T>(const Hdf5File& alone, const std::string& dataset, T) {
    const std::string path = "/results/m/mmlu/" + dataset;
    EXPECT_FALSE(alone.read<T>(path).values.empty());
    EXPECT_EQ(alone.read<T>(path).values, both.read<T>(path).values) << path;
  };
  for (const std::string mode : {"trace", "exit", "propagate"}) {
    expect_same(answers, mode + "/response/token_ids", std::int32_t{});
    expect_same(answers, mode + "/pp/norms", float{});
    expect_same(scores, mode + "/loglik/log_likelihood", double{});
  }
  const std::string offsets = "/results/m/mmlu/question/prompt_token_offsets";
  EXPECT_EQ(scores.read<std::int64_t>(offsets).values[1] + 1, both.read<std::int64_t>(offsets).values[1])
      << "without the space";
}

}  // namespace
}  // namespace lacuna
