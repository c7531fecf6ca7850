#include "worker/benchmarks/csv_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/benchmarks/reader_errors.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::vector<std::string>> split(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  for (const CsvRow& row : parse_csv(text, "x.csv")) {
    rows.emplace_back();
    for (const CsvCell& cell : row.cells) rows.back().push_back(cell.text);
  }
  return rows;
}

std::string error_of(std::string_view text) {
  return testing::input_error_of([&] { parse_csv(text, "x.csv"); });
}

TEST(Csv, EndsLinesWithEitherLineEndAndNeedsNoneAtTheEnd) {
  EXPECT_THAT(split("a,b\nc,d\r\ne,f"),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("c", "d"), ElementsAre("e", "f")));
  EXPECT_THAT(split("a,b\r\n"), ElementsAre(ElementsAre("a", "b")));
}

TEST(Csv, KeepsEveryByteOfACell) {
  EXPECT_THAT(split(" a ,\t\n"), ElementsAre(ElementsAre(" a ", "\t")));
  EXPECT_THAT(split("\" a \"\"b\"\"\n\r\n,\",\xC2\xA0\n"),
              ElementsAre(ElementsAre(" a \"b\"\n\r\n,", "\xC2\xA0")));
  EXPECT_THAT(split("\"\"\"\"\n"), ElementsAre(ElementsAre("\"")));
}

TEST(Csv, KeepsEmptyCells) {
  EXPECT_THAT(split(",\n"), ElementsAre(ElementsAre("", "")));
  EXPECT_THAT(split("a,"), ElementsAre(ElementsAre("a", "")));
  EXPECT_THAT(split("\"\",\"\"\r\n,,"), ElementsAre(ElementsAre("", ""), ElementsAre("", "", "")));
}

TEST(Csv, SkipsEmptyLinesBetweenRows) {
  EXPECT_THAT(split("\n\na\n\r\nb\n\n"), ElementsAre(ElementsAre("a"), ElementsAre("b")));
  EXPECT_TRUE(split("").empty());
}

TEST(Csv, KnowsWhereEachCellBegins) {
  const auto rows = parse_csv("a,\"x\ny\",b\nc\n", "x.csv");
  EXPECT_EQ(rows[0].cells[1].line, 1);
  EXPECT_EQ(rows[0].cells[1].column, 3);
  EXPECT_EQ(rows[0].cells[2].line, 2);
  EXPECT_EQ(rows[0].cells[2].column, 4);
  EXPECT_EQ(rows[1].cells[0].line, 3);
}

TEST(Csv, NamesThePlaceOfAMalformedCell) {
  EXPECT_THAT(error_of("a,b\nc,\"d\n\ne"), HasSubstr("x.csv:2:3: row 2: a quote is opened here"));
  EXPECT_THAT(error_of("a\nb,c\"d\n"), HasSubstr("x.csv:2:4: row 2: a quote inside a cell"));
  EXPECT_THAT(error_of("\"a\"b\n"), HasSubstr("x.csv:1:4: row 1: text after a closing quote"));
  EXPECT_THAT(error_of("a\rb\n"), HasSubstr("x.csv:1:2: row 1: a carriage return"));
  EXPECT_THAT(error_of("\"a\"\r"), HasSubstr("text after a closing quote"));
  EXPECT_THAT(error_of("a,\xFF\n"), HasSubstr("x.csv:1:3: row 1: cell 2 is not UTF-8"));
}

TEST(Csv, NeverQuotesTheContentInAMessage) {
  for (const char* const text :
       {"secret,\"secret", "sec\"ret", "\"secret\"secret", "secret\xFF", "secret\rsecret"}) {
    EXPECT_THAT(error_of(text), Not(HasSubstr("secret"))) << text;
  }
}

}  // namespace
}  // namespace lacuna
