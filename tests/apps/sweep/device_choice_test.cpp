#include "apps/sweep/device_choice.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace lacuna {
namespace {

TEST(DeviceChoice, AtFirstAutoTakesAGpuWhereThereIsOne) {
  EXPECT_EQ(choose_device("auto", "", 0, 4), 0);
  EXPECT_EQ(choose_device("auto", "", 3, 4), 3);
  EXPECT_EQ(choose_device("auto", "", 5, 4), 1);
  EXPECT_EQ(choose_device("auto", "", 3, 1), 0) << "a launcher that shows every task its own";
  EXPECT_EQ(choose_device("auto", "", 2, 0), -1);
}

TEST(DeviceChoice, WhatIsAskedForCounts) {
  EXPECT_EQ(choose_device("cpu", "", 0, 4), -1);
  EXPECT_EQ(choose_device("cuda", "", 1, 4), 1);
  EXPECT_THROW((void)choose_device("cuda", "", 0, 0), InputError);
}

TEST(DeviceChoice, AGpuThatIsGoneIsAnErrorAndNotACpu) {
  for (const char* const asked : {"auto", "cuda"}) {
    EXPECT_EQ(choose_device(asked, "cuda", 1, 2), 1);
    EXPECT_THROW((void)choose_device(asked, "cuda", 0, 0), SystemError) << asked;
  }
}

TEST(DeviceChoice, AWorkerThatBeganOnTheCpuStaysThere) {
  EXPECT_EQ(choose_device("auto", "cpu", 0, 4), -1);
}

}  // namespace
}  // namespace lacuna
