#include "core/whole_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "core/error.h"
#include "tests/temporary_folder.h"

namespace lacuna {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::filesystem::path& file, std::uint64_t maximum_bytes) {
  try {
    static_cast<void>(read_whole_file(file, {"a list", maximum_bytes}));
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(WholeFile, GivesEveryByte) {
  const testing::TemporaryFolder folder;
  const std::string text("a\0\r\n\xFF", 5);
  EXPECT_EQ(read_whole_file(folder.write("x", text), {"a list", 5}), text);
  EXPECT_EQ(read_whole_file(folder.write("empty", ""), {"a list", 5}), "");
  const std::string long_text(300'000, 'x');
  EXPECT_EQ(read_whole_file(folder.write("long", long_text), {"a list", 300'000}), long_text);
}

TEST(WholeFile, SaysWhyItReadsNothing) {
  const testing::TemporaryFolder folder;
  EXPECT_THAT(refusal(folder.path() / "gone", 5), HasSubstr("gone: no such file; check the path"));
  EXPECT_THAT(refusal(folder.path(), 5),
              HasSubstr("a directory where a file is expected; give the path of a list"));
  EXPECT_THAT(refusal(folder.write("x", "123456"), 5),
              HasSubstr("x: is too large: a list of at most 5 bytes is read"));
  EXPECT_THAT(refusal(folder.write("y", std::string((1U << 20U) + 1, 'y')), 1U << 20U),
              HasSubstr("at most 1 MiB"));
  EXPECT_THAT(refusal("/dev/null/x", 5), HasSubstr("/dev/null/x: "));
}

// A file without a size of its own is read up to the limit, not for ever.
TEST(WholeFile, ReadsPipesAndDevices) {
  EXPECT_EQ(read_whole_file("/dev/null", {"a list", 5}), "");
  EXPECT_THAT(refusal("/dev/zero", 1U << 20U), HasSubstr("is too large"));
  const testing::TemporaryFolder folder;
  const std::filesystem::path pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string text(200'000, 'p');
  std::thread writer([&] { std::ofstream(pipe) << text; });
  EXPECT_EQ(read_whole_file(pipe, {"a list", 200'000}), text);
  writer.join();
}

}  // namespace
}  // namespace lacuna
