#include "worker/engine/prompt_packing.h"

#include <gtest/gtest.h>

#include <string>

#include <fmt/format.h>

namespace lacuna {
namespace {

// "0:0+3! 1:0+2! | ..." for passes of pieces prompt:first+tokens, ! marks the last one of a prompt.
std::string describe(const std::vector<std::vector<PromptPiece>>& passes) {
  std::string text;
  for (const auto& pieces : passes) {
    if (!text.empty()) text += " |";
    for (const PromptPiece& piece : pieces) {
      text += fmt::format(" {}:{}+{}{}", piece.prompt, piece.first, piece.tokens, piece.is_last ? "!" : "");
    }
  }
  return text;
}

TEST(PackPrompts, WholePromptsShareAPassInOrder) {
  const PromptExtent prompts[] = {{.tokens = 3}, {.tokens = 5}, {.tokens = 2}, {.tokens = 8}, {.tokens = 1}};
  EXPECT_EQ(describe(pack_prompts(prompts, 8)), " 0:0+3! 1:0+5! | 2:0+2! | 3:0+8! | 4:0+1!");
}

TEST(PackPrompts, ALongPromptGoesAloneInChunks) {
  const PromptExtent prompts[] = {{.tokens = 2}, {.tokens = 20}, {.tokens = 16}, {.tokens = 2}};
  EXPECT_EQ(describe(pack_prompts(prompts, 8)),
            " 0:0+2! | 1:0+8 | 1:8+8 | 1:16+4! | 2:0+8 | 2:8+8! | 3:0+2!");
}

TEST(PackPrompts, TheTailStaysTogether) {
  const PromptExtent prompts[] = {{.tokens = 17, .tail = 3}, {.tokens = 20, .tail = 12}};
  EXPECT_EQ(describe(pack_prompts(prompts, 8)), " 0:0+8 | 0:8+6 | 0:14+3! | 1:0+8 | 1:8+12!");
}

TEST(PackPrompts, NothingGivesNothing) {
  EXPECT_TRUE(pack_prompts({}, 8).empty());
}

}  // namespace
}  // namespace lacuna
