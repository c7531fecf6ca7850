#include "worker/benchmarks/json_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/benchmarks/reader_errors.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> read_names(std::string_view text) {
  std::vector<std::string> names;
  for_each_json_row(text, "x.jsonl", [&](const JsonRow& row) { names.push_back(row.get_string("name")); });
  return names;
}

std::string error_of(std::string_view text) {
  return testing::input_error_of([&] { read_names(text); });
}

TEST(JsonLines, TakesBothLineEndsAndSkipsEmptyLines) {
  EXPECT_THAT(read_names("{\"name\":\"a\"}\r\n\n {\"name\": \"b\"}\n  \n{\"name\":\"c\"}"),
              ElementsAre("a", "b", "c"));
}

TEST(JsonLines, DecodesEscapes) {
  EXPECT_THAT(read_names(R"({"name": "\u00e9\ud83d\ude00\\\n"})"), ElementsAre("é😀\\\n"));
}

TEST(JsonLines, NamesLineRowAndField) {
  EXPECT_THAT(error_of("{\"name\":\"a\"}\n\n{\"name\": 3}\n"),
              HasSubstr("x.jsonl:3: row 2, field 'name': a string is expected, not number"));
  EXPECT_THAT(error_of("{}"), HasSubstr("x.jsonl:1: row 1, field 'name': missing"));
  EXPECT_THAT(error_of("{\"name\":\"a\"}\n[1]"), HasSubstr("x.jsonl:2: row 2 is array"));
}

TEST(JsonLines, RefusesWhatIsNotJsonWithoutQuotingIt) {
  for (const char* const text : {"{\"secret\": \"sec", "{\"secret\": \"\\ud800\"}", "{\"secret\": \"\xFF\"}",
                                 "secret", "{\"secret\": 1e999}", "{\"secret\":1} {\"secret\":2}"}) {
    const std::string error = error_of(text);
    EXPECT_THAT(error, HasSubstr("x.jsonl:1")) << text;
    EXPECT_THAT(error, Not(HasSubstr("secret"))) << text;
  }
}

TEST(JsonLines, SurvivesDeepNesting) {
  EXPECT_THAT(error_of(std::string(300'000, '[')), HasSubstr("not valid JSON"));
  const std::string nested = std::string(300'000, '[') + std::string(300'000, ']');
  EXPECT_THAT(error_of("{\"name\": " + nested + "}"), HasSubstr("a string is expected, not array"));
}

TEST(JsonLines, RefusesNumbersThatDoNotFit) {
  const JsonRow row = parse_json_row(R"({"big": 18446744073709551615, "half": 0.5})", "x", 1, 0);
  EXPECT_THAT(testing::input_error_of([&] { (void)row.get_integer("big"); }), HasSubstr("too large"));
  EXPECT_THAT(testing::input_error_of([&] { (void)row.get_integer("half"); }), HasSubstr("whole number"));
}

}  // namespace
}  // namespace lacuna
