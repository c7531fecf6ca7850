#include "worker/engine/branch_set.h"

#include <gtest/gtest.h>

#include "tests/worker/test_device.h"

namespace lacuna {
namespace {

at::Tensor make_zeros() {
  return at::zeros({2, 1, 1}, at::TensorOptions().device(testing::test_device()));
}

BranchSet make_set(std::size_t branches) {
  std::vector<BranchSpec> specs;
  for (std::size_t index = 0; index < branches; ++index) {
    specs.push_back({.mode = LacMode::kExit, .alpha = AlphaIndex(static_cast<std::int32_t>(index))});
  }
  BranchSet set(std::move(specs), SequenceCache(/*layers=*/1, {.prompt = 2, .response = 4}));
  set.cache().write_prompt(LayerIndex(0), 0, make_zeros(), make_zeros());
  return set;
}

void append(BranchSet& set, const std::vector<std::int32_t>& tokens) {
  for (std::size_t index = 0; index < tokens.size(); ++index) {
    if (tokens[index] >= 0) set.branches()[index].tokens.emplace_back(tokens[index]);
  }
}

// One pass: writes `mark` + slot number as the key of every lane.
void write_pass(BranchSet& set, float mark) {
  std::vector<std::int64_t> slots;
  std::vector<float> keys;
  for (const Lane& lane : set.lanes()) {
    slots.push_back(lane.slot);
    keys.push_back(mark + static_cast<float>(lane.slot));
  }
  const at::Tensor tensor = at::tensor(keys).view({-1, 1, 1}).to(testing::test_device());
  set.cache().write_response(LayerIndex(0), slots, tensor, tensor);
  set.cache().advance();
}

TEST(BranchSet, BranchesShareALaneWhileTheirTokensAgree) {
  BranchSet set = make_set(3);
  append(set, {7, 7, 7});
  set.regroup({false, false, false});
  ASSERT_EQ(set.lanes().size(), 1U);
  EXPECT_EQ(set.next_token(set.lanes().front()), TokenId(7));
}

TEST(BranchSet, ForkCopiesWhatTheSlotHoldsOfTheResponse) {
  BranchSet set = make_set(3);
  append(set, {7, 7, 7});
  set.regroup({false, false, false});
  write_pass(set, 10);
  append(set, {1, 2, 1});
  set.regroup({false, false, false});
  ASSERT_EQ(set.lanes().size(), 2U);
  EXPECT_EQ(set.lanes()[0].branches, (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(set.lanes()[1].branches, (std::vector<std::int64_t>{1}));
  EXPECT_NE(set.lanes()[0].slot, set.lanes()[1].slot);
  write_pass(set, 20);
  // After write_pass the cache stands one further, so look at what was written so far position by position.
  append(set, {3, 3, 3});
  set.regroup({false, false, false});
  const std::vector<std::int64_t> slots = {set.lanes()[0].slot, set.lanes()[1].slot};
  set.cache().write_response(LayerIndex(0), slots, make_zeros(), make_zeros());
  const at::Tensor keys = set.cache().response_keys(LayerIndex(0), slots);  // [2, 1, 3, 1]
  EXPECT_EQ(keys[0][0][0][0].item<float>(), keys[1][0][0][0].item<float>());
  EXPECT_NE(keys[0][0][1][0].item<float>(), keys[1][0][1][0].item<float>());
}

TEST(BranchSet, FinishedBranchesLeaveAndTheirSlotIsUsedAgain) {
  BranchSet set = make_set(3);
  append(set, {1, 2, 2});
  set.regroup({false, false, false});
  write_pass(set, 0);
  ASSERT_EQ(set.lanes().size(), 2U);
  const std::int64_t freed = set.lanes()[0].slot;
  append(set, {5, 6, 6});
  set.regroup({true, false, false});
  ASSERT_EQ(set.lanes().size(), 1U);
  append(set, {-1, 8, 9});
  set.regroup({true, false, false});
  ASSERT_EQ(set.lanes().size(), 2U);
  EXPECT_TRUE(set.lanes()[0].slot == freed || set.lanes()[1].slot == freed);
  append(set, {-1, 1, 1});
  set.regroup({true, true, true});
  EXPECT_TRUE(set.finished());
}

}  // namespace
}  // namespace lacuna
