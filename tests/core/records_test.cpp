#include "core/records.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace lacuna {
namespace {

TEST(TraceRows, PacksLayerZeroIntoTheMostSignificantBit) {
  TraceRows rows = TraceRows::zeros(2, 3, 10);
  rows.set_active(1, 2, 0);
  rows.set_active(1, 2, 9);
  const std::size_t first_byte = (1 * 3 + 2) * 2;
  EXPECT_EQ(rows.active[first_byte], 0x80);
  EXPECT_EQ(rows.active[first_byte + 1], 0x40);
  EXPECT_TRUE(rows.is_active(1, 2, 9));
  EXPECT_FALSE(rows.is_active(1, 1, 9));
  EXPECT_EQ(rows.exit_layer(1, 2), LayerIndex(9));
  EXPECT_EQ(rows.exit_layer(0, 0), LayerIndex(-1));
}

TEST(LacMode, NamesRoundTrip) {
  for (const LacMode mode : {LacMode::kTrace, LacMode::kExit, LacMode::kPropagate}) {
    EXPECT_EQ(parse_lac_mode(to_string(mode)), mode);
  }
}

TEST(LacMode, UnknownNameListsTheValidOnes) {
  try {
    parse_lac_mode("skip");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("trace, exit, propagate"), std::string::npos);
  }
}

}  // namespace
}  // namespace lacuna
