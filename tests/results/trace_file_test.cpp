#include "results/trace_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "results/hdf5_file.h"
#include "tests/results/synthetic_run.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryFolder;

// A = 2, S = 3, L = 2, T = 1, V = 2.
TraceFile make_trace(LacMode mode) {
  TraceFile trace;
  trace.model = "tiny";
  trace.mode = mode;
  trace.dtype = "float32";
  trace.layers = 2;
  trace.input_ids = {5, 6, 7};
  trace.alpha = {0.25, 0.5};
  trace.pp_norms.assign(mode == LacMode::kPropagate ? 18 : 9, 1.5F);
  trace.pp_active = {1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1};
  trace.pp_exit_layer = {0, 1, -1, 0, 1, 1};
  trace.rg_token_ids = {8, 9};
  trace.rg_active = {1, 1, 0, 0};
  trace.rg_exit_layer = {1, -1};
  return trace;
}

TEST(TraceFile, HasTheDatasetsOfLacunaTrace) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "trace.h5";
  TraceFile trace = make_trace(LacMode::kExit);
  write_trace_file(path, trace);
  const Hdf5File file = Hdf5File::open(path);
  EXPECT_THAT(file.members("/"), ElementsAre("alpha", "input_ids", "pp", "rg"));
  EXPECT_THAT(file.members("/pp"), ElementsAre("active", "exit_layer", "norms"));
  EXPECT_THAT(file.members("/rg"), ElementsAre("active", "exit_layer", "token_ids"));
  EXPECT_THAT(file.shape("/pp/norms"), ElementsAre(3, 3));
  EXPECT_THAT(file.shape("/pp/active"), ElementsAre(2, 3, 2));
  EXPECT_THAT(file.shape("/rg/active"), ElementsAre(2, 1, 2));
  EXPECT_EQ(file.read<std::int16_t>("/pp/exit_layer").values, trace.pp_exit_layer);
  EXPECT_EQ(file.type("/pp/norms"), Hdf5Type::kFloat32);
  EXPECT_EQ(file.type("/pp/active"), Hdf5Type::kUInt8);
  EXPECT_EQ(file.type("/pp/exit_layer"), Hdf5Type::kInt16);
  EXPECT_EQ(file.type("/rg/token_ids"), Hdf5Type::kInt32);
  EXPECT_EQ(file.read_scalar_attribute<std::string>("/", "mode"), "exit");
  EXPECT_EQ(file.read_scalar_attribute<std::string>("/rg/active", "axes"), "alpha, step, layer");
}

TEST(TraceFile, PropagateHasNormsOfEveryThresholdAndLogitsIfGiven) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "trace.h5";
  TraceFile trace = make_trace(LacMode::kPropagate);
  trace.pp_last_logits = {1, 2, 3, 4};
  trace.rg_logits = {5, 6, 7, 8};
  write_trace_file(path, trace);
  const Hdf5File file = Hdf5File::open(path);
  EXPECT_THAT(file.shape("/pp/norms"), ElementsAre(2, 3, 3));
  EXPECT_THAT(file.shape("/pp/last_logits"), ElementsAre(2, 2));
  EXPECT_THAT(file.shape("/rg/logits"), ElementsAre(2, 1, 2));
}

TEST(TraceFile, NoResponseStepsIsFine) {
  const TemporaryFolder folder;
  TraceFile trace = make_trace(LacMode::kTrace);
  trace.rg_token_ids.clear();
  trace.rg_active.clear();
  trace.rg_exit_layer.clear();
  write_trace_file(folder.path() / "trace.h5", trace);
  EXPECT_THAT(Hdf5File::open(folder.path() / "trace.h5").shape("/rg/active"), ElementsAre(2, 0, 2));
}

TEST(TraceFile, RefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  TraceFile trace = make_trace(LacMode::kTrace);
  EXPECT_THROW(write_trace_file(folder.path() / "absent" / "x.h5", trace), InputError);
  EXPECT_THROW(write_trace_file(folder.path(), trace), InputError);
  trace.pp_active.pop_back();
  EXPECT_THROW(write_trace_file(folder.path() / "x.h5", trace), std::logic_error);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "x.h5"));
}

}  // namespace
}  // namespace lacuna
