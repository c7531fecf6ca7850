// From question files to training samples, by the way every run takes: reader, prompt, chat template,
// tokenizer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/demo_maker/bpe_trainer.h"
#include "apps/demo_maker/demo_families.h"
#include "apps/demo_maker/demo_questions.h"
#include "apps/demo_maker/training_sample.h"

namespace lacuna {

// The three benchmarks, in the order of TrainingSample::kind.
inline const std::vector<std::string> kDemoKinds = {"mmlu", "gpqa", "boolq"};

// A question as text, the same for every family.
struct DemoText {
  std::string user_message;
  std::string answer;  // "[B]", "[True]"
  std::size_t level = 0;
  std::size_t kind = 0;
};

// Draws about `count` training questions, in turn of each kind, none with
// the content of a test question, writes them to files in `scratch` and reads them back as a run reads
// benchmarks.
std::vector<DemoText> make_training_texts(std::uint64_t seed, std::size_t count, const DemoTestSet& test,
                                          const std::filesystem::path& scratch);

// The test files that write_test_files left in `directory`.
std::vector<DemoText> read_test_texts(const std::filesystem::path& directory);

// Pieces of the rendered prompts and answers, for learning merges. `model_dir` holds the family's tokenizer
// files with any merges.
PieceCounts count_pieces(const DemoFamily& family, const std::filesystem::path& model_dir,
                         const std::vector<DemoText>& texts);

// Token ids, begin token twice where template and post-processor both add one (the paper's protocol).
std::vector<TrainingSample> make_samples(const DemoFamily& family, const std::filesystem::path& model_dir,
                                         const std::vector<DemoText>& texts);

}  // namespace lacuna
