// The committed demo: models that answer well, and worse when trailing layers are left out.
#include <gtest/gtest.h>

#include "apps/demo_maker/demo_families.h"
#include "apps/demo_maker/demo_samples.h"
#include "apps/demo_maker/exit_report.h"
#include "worker/models/load_model.h"

namespace lacuna::testing {
namespace {

const std::filesystem::path kDemo = "demo";  // tests run in the repository's root
constexpr std::uintmax_t kLargestModelBytes = 4 << 20;

class DemoCheckpoint : public ::testing::TestWithParam<DemoFamily> {};

TEST_P(DemoCheckpoint, AnswersWellAndSuffersFromSkipping) {
  const std::filesystem::path directory = kDemo / "models" / GetParam().directory;
  std::uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) bytes += file.file_size();
  EXPECT_LE(bytes, kLargestModelBytes);

  const LoadedModel loaded = load_model(directory, DataType::kFloat32, at::kCPU);
  const auto samples = make_samples(GetParam(), directory, read_test_texts(kDemo / "data"));
  const ExitReport report = measure_exits(loaded.model, samples, {0.1, 0.9});
  std::size_t plain = 0;
  std::size_t gentle = 0;
  std::size_t harsh = 0;
  for (std::size_t kind = 0; kind < kDemoKinds.size(); ++kind) {
    // Chance is 25 % of four choices and 50 % of yes and no.
    EXPECT_GE(report.scores[0].right[kind] * 100, report.asked[kind] * 75) << kDemoKinds[kind];
    plain += report.scores[0].right[kind];
    gentle += report.scores[1].right[kind];
    harsh += report.scores[2].right[kind];
  }
  EXPECT_GE(gentle * 100, plain * 90);
  EXPECT_LE(harsh * 100, plain * 80);
  EXPECT_LT(report.scores[2].active_share, report.scores[1].active_share);
}

INSTANTIATE_TEST_SUITE_P(All, DemoCheckpoint, ::testing::ValuesIn(demo_families()),
                         [](const auto& info) { return info.param.shape.family; });

}  // namespace
}  // namespace lacuna::testing
