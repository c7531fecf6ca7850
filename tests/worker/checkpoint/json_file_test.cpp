#include "worker/checkpoint/json_file.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/temporary_folder.h"

namespace lacuna::testing {
namespace {

TEST(JsonFile, ReadsTypedValues) {
  const TemporaryFolder directory;
  const JsonFile file = JsonFile::read(directory.write(
      "config.json", R"({"n": 7, "x": 1e6, "list": [1, 2], "one": 3, "none": null, "o": {"k": 1}})"));
  EXPECT_EQ(file.require_integer("n", 1, 10), 7);
  EXPECT_EQ(file.find_number("x", 0, 1e9), 1e6);
  EXPECT_EQ(file.find_integers("list"), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(file.find_integers("one"), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(file.find_integer("none", 0, 1), std::nullopt);
  EXPECT_EQ(file.find_object("o")->require_integer("k", 0, 1), 1);
}

TEST(JsonFile, ErrorsNameFileKeyAndBound) {
  const TemporaryFolder directory;
  const JsonFile file =
      JsonFile::read(directory.write("config.json", R"({"n": 18446744073709551615, "s": "x", "f": 1.5})"));
  const auto message_of = [](auto call) -> std::string {
    try {
      call();
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_NE(message_of([&] { static_cast<void>(file.require_integer("n", 1, 10)); }).find("is not in 1..10"),
            std::string::npos);
  EXPECT_NE(message_of([&] { static_cast<void>(file.require_integer("s", 1, 10)); }).find("'s'"),
            std::string::npos);
  EXPECT_NE(message_of([&] { static_cast<void>(file.require_integer("f", 1, 10)); }).find("integer"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              static_cast<void>(file.require_integer("gone", 1, 10));
            }).find("config.json: key 'gone': is missing"),
            std::string::npos);
}

TEST(JsonFile, ASyntaxErrorHasItsLine) {
  const TemporaryFolder directory;
  const auto path = directory.write("config.json", "{\"a\": 1,\n \"b\": }");
  try {
    JsonFile::read(path);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.location()->line, 2);
  }
}

// What the fuzzer and its neighbours found: a number that no double holds, and nesting that a copy cannot
// take.
TEST(JsonFile, RefusesNumbersAndNestingBeyondLimits) {
  const TemporaryFolder directory;
  EXPECT_THROW(JsonFile::read(directory.write("number.json", "{\"a\": -1e315}")), InputError);
  const std::string deep(1'000'000, '[');
  EXPECT_THROW(
      JsonFile::read(directory.write("deep.json", "{\"a\": " + deep + std::string(deep.size(), ']') + "}")),
      InputError);
}

}  // namespace
}  // namespace lacuna::testing
