#include "results/durable_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
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
  EXPECT_THROW(write_file_durably("/dev/full", {as_bytes("x")}), StorageError);
  ASSERT_EQ(::stat("/dev/full", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
}

TEST(DurableFile, AFolderIsNotReplaced) {
  const TemporaryFolder folder;
  EXPECT_THROW(write_file_durably(folder.path(), {as_bytes("x")}), StorageError);
  const auto temporary = folder.path() / "made";
  std::ofstream(temporary) << "x";
  EXPECT_THROW(publish_file(temporary, folder.path()), StorageError);
  EXPECT_FALSE(std::filesystem::exists(temporary));
}

TEST(DurableFile, APlaceWhereNoFileCanBeIsRefusedBeforehand) {
  const TemporaryFolder folder;
  EXPECT_NO_THROW(check_place_of(folder.path() / "a.txt"));
  EXPECT_NO_THROW(check_place_of("a.txt"));
  EXPECT_NO_THROW(check_place_of("/dev/stdout"));
  EXPECT_THROW(check_place_of(folder.path()), InputError);
  EXPECT_THROW(check_place_of(folder.path() / "gone" / "a.txt"), InputError);
  std::ofstream(folder.path() / "file") << "x";
  EXPECT_THROW(check_place_of(folder.path() / "file" / "a.txt"), InputError);
}

std::string storage_error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const StorageError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kFailure);
    return error.what();
  }
  return "no StorageError";
}

TEST(DurableFile, AVanishedFolderIsNamedWithWhatTheSystemSays) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "gone" / "a.txt";
  for (const auto& action : {std::function<void()>([&] { write_file_durably(file, {as_bytes("x")}); }),
                             std::function<void()>([&] { append_to_file(file, "x"); })}) {
    EXPECT_EQ(storage_error_of(action),
              "cannot write '" + file.string() +
                  "': No such file or directory; its folder is gone: bring it back and run again");
  }
  std::ofstream(folder.path() / "file") << "x";
  EXPECT_THAT(storage_error_of([&] { make_folders(folder.path() / "file" / "below"); }),
              ::testing::HasSubstr("Not a directory"));
  EXPECT_THAT(storage_error_of([&] { move_file_durably(file, folder.path() / "b"); }),
              ::testing::HasSubstr("cannot move '" + file.string()));
}

TEST(DurableFile, WhatIsNotCommittedLeavesNothing) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.txt";
  {
    DurableFile output(file);
    output.write(as_bytes("half"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// A limit on the size of files stands for a full disk: the write fails in its middle.
TEST(DurableFile, ALineThatDoesNotFitLeavesTheFileAsItWas) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "lines";
  append_to_file(file, "first\n");
  ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 9, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = storage_error_of([&] { append_to_file(file, "second\n"); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(message, ::testing::HasSubstr("free some space and run again"));
  append_to_file(file, "third\n");
  std::ifstream stream(file);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), "first\nthird\n");
}

}  // namespace
}  // namespace lacuna
