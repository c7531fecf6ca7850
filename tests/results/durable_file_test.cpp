#include "results/durable_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string_view>

#include "core/error.h"
#include "tests/results/synthetic_run.h"

namespace lacuna {
namespace {

using testing::TemporaryFolder;

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(DurableFile, ReplacesAFileAndLeavesNothingElse) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.txt";
  write_file_durably(file, {as_bytes("old")});
  write_file_durably(file, {as_bytes("new"), as_bytes("er")});
  std::ifstream stream(file);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), "newer");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(DurableFile, AFullDeviceIsAnErrorAndStaysADevice) {
  struct stat status {};
  if (::stat("/dev/full", &status) != 0 || !S_ISCHR(status.st_mode)) GTEST_SKIP() << "no /dev/full here";
  EXPECT_THROW(write_file_durably("/dev/full", {as_bytes("x")}), SystemError);
  ASSERT_EQ(::stat("/dev/full", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
}

TEST(DurableFile, AFolderIsNotReplaced) {
  const TemporaryFolder folder;
  EXPECT_THROW(write_file_durably(folder.path(), {as_bytes("x")}), SystemError);
  const auto temporary = folder.path() / "made";
  std::ofstream(temporary) << "x";
  EXPECT_THROW(publish_file(temporary, folder.path()), SystemError);
  EXPECT_FALSE(std::filesystem::exists(temporary));
}

}  // namespace
}  // namespace lacuna
