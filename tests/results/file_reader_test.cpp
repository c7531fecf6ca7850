#include "results/file_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>

#include "core/error.h"
#include "results/hdf5_file.h"
#include "tests/results/unreadable_file.h"
#include "tests/temporary_folder.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;
using testing::UnreadableFile;

template <class ErrorType, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const ErrorType& error) {
    return error.what();
  }
  return "not thrown";
}

TEST(FileReader, ReadsPiecesAndSaysWhereTheFileEnds) {
  const TemporaryFolder folder;
  const FileReader reader(folder.write("a", "abcdef"));
  EXPECT_EQ(reader.size(), 6U);
  std::array<std::uint8_t, 3> bytes{};
  EXPECT_TRUE(reader.read(2, bytes));
  EXPECT_THAT(bytes, ElementsAre('c', 'd', 'e'));
  EXPECT_TRUE(reader.read(3, bytes));
  EXPECT_FALSE(reader.read(4, bytes));
  EXPECT_FALSE(reader.read(100, bytes));
}

TEST(FileReader, NamesThatAreNoFilesAreRefused) {
  const TemporaryFolder folder;
  const auto why = [](const std::filesystem::path& file) {
    return message_of<InputError>([&] { const FileReader reader(file); });
  };
  EXPECT_THAT(why(folder.path() / "absent"), HasSubstr("No such file"));
  EXPECT_THAT(why(folder.path()), HasSubstr("it is a directory"));
  const auto pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(why(pipe), HasSubstr("it is no regular file")) << "and nobody waited for a writer";
}

TEST(FileReader, WhatTheSystemRefusesIsAStorageErrorThatNamesTheFile) {
  const TemporaryFolder folder;
  const auto file = folder.write("a", "abcdef");
  const UnreadableFile closed(file);
  EXPECT_EQ(
      message_of<StorageError>([&] { const FileReader reader(file); }),
      "cannot read '" + file.string() +
          "': Permission denied; nothing was changed: when it can be read, start the same command again");
}

// No process has anything at address 0, and Linux says EIO.
TEST(FileReader, AnErrorInTheMiddleOfReadingIsAStorageError) {
  const FileReader reader("/proc/self/mem");
  std::array<std::uint8_t, 8> bytes{};
  EXPECT_THAT(message_of<StorageError>([&] { (void)reader.read(0, bytes); }),
              AllOf(HasSubstr("/proc/self/mem"), HasSubstr("Input/output error")));
}

TEST(FileReader, Hdf5SaysTheSame) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.h5";
  Hdf5File::create(file).close();
  const UnreadableFile closed(file);
  EXPECT_THAT(message_of<StorageError>([&] { (void)Hdf5File::open(file); }),
              AllOf(HasSubstr("a.h5"), HasSubstr("Permission denied")));
}

}  // namespace
}  // namespace lacuna
