#include "orchestrator/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace lacuna {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Seconds = std::chrono::duration<double>;

ProgressState make_state(std::int64_t questions, std::int64_t failed = 0) {
  return {.units_total = 10,
          .units_done = 0,
          .units_failed = failed,
          .questions_total = 1000,
          .questions_done = questions,
          .workers = 2};
}

TEST(ProgressMeter, RateCountsOnlyWhatThisRunDid) {
  ProgressMeter meter;
  meter.observe(make_state(500), Seconds(0));
  EXPECT_EQ(meter.rate(), std::nullopt);
  EXPECT_EQ(meter.describe(), " 50 %, 500/1000 questions, 2 workers");
  meter.observe(make_state(600), Seconds(10));
  ASSERT_TRUE(meter.rate());
  EXPECT_DOUBLE_EQ(*meter.rate(), 10);
  EXPECT_DOUBLE_EQ(meter.remaining()->count(), 40);
  EXPECT_EQ(meter.describe(), " 60 %, 600/1000 questions, 10.0/s, 40 s left, 2 workers");
}

TEST(ProgressMeter, RateFollowsTheLastTwoMinutes) {
  ProgressMeter meter;
  for (int second = 0; second <= 1000; ++second)
    meter.observe(make_state(second < 500 ? 0 : second - 500), Seconds(second));
  ASSERT_TRUE(meter.rate());
  EXPECT_NEAR(*meter.rate(), 1.0, 1e-9);
}

TEST(ProgressMeter, ManyUpdatesCostLittleAndLoseNothing) {
  ProgressMeter meter;
  for (int i = 0; i <= 100000; ++i) meter.observe(make_state(i / 100), Seconds(i * 1e-4));
  EXPECT_NEAR(*meter.rate(), 100, 1);
}

TEST(ProgressMeter, FailuresAreNamed) {
  ProgressMeter meter;
  meter.observe(make_state(0, 1), Seconds(0));
  EXPECT_THAT(meter.describe(), HasSubstr("1 unit FAILED"));
}

TEST(FormatDuration, Units) {
  EXPECT_EQ(format_duration(Seconds(0)), "0 s");
  EXPECT_EQ(format_duration(Seconds(59.4)), "59 s");
  EXPECT_EQ(format_duration(Seconds(59.6)), "1 min 0 s");
  EXPECT_EQ(format_duration(Seconds(3725)), "1 h 2 min");
  EXPECT_EQ(format_duration(Seconds(2 * 86400 + 3 * 3600)), "2 d 3 h");
  EXPECT_EQ(format_duration(Seconds(-5)), "0 s");
  EXPECT_NE(format_duration(Seconds(1e300)), "");
}

std::string read_all(std::FILE* file) {
  std::rewind(file);
  std::string text(65536, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  return text;
}

TEST(ProgressPrinter, PlainOutputHasWholeLinesAndNoControlCodes) {
  std::FILE* const file = std::tmpfile();
  {
    ProgressPrinter printer(file, false);
    for (int i = 0; i < 100; ++i) printer.update(make_state(i));
    printer.print_line("a message");
    printer.finish();
  }
  const std::string text = read_all(file);
  EXPECT_EQ(text.substr(0, 10), "a message\n") << "no line for each update";
  EXPECT_THAT(text, HasSubstr("9 %, 99/1000 questions"));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
  EXPECT_EQ(text.back(), '\n');
  std::fclose(file);
}

TEST(ProgressPrinter, TerminalLineIsReplaced) {
  std::FILE* const file = std::tmpfile();
  {
    ProgressPrinter printer(file, true);
    printer.update(make_state(1));
    printer.print_line("a message");
    printer.update(make_state(2));
    printer.finish();
  }
  const std::string text = read_all(file);
  EXPECT_THAT(text, HasSubstr("\r\x1b[Ka message\n"));
  EXPECT_THAT(text, HasSubstr("2/1000 questions"));
  EXPECT_EQ(text.back(), '\n');
  std::fclose(file);
}

}  // namespace
}  // namespace lacuna
