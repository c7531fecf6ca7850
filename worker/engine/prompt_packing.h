// How prompts are laid into passes of bounded size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lacuna {

struct PromptExtent {
  std::int64_t tokens = 0;
  std::int64_t tail = 1;  // tokens at the end that must go through the model in one pass, at least 1
};

// A part of a prompt that goes through the model in one pass.
struct PromptPiece {
  std::size_t prompt = 0;
  std::int64_t first = 0;  // its first token
  std::int64_t tokens = 0;
  bool is_last = false;
};

// Passes of at most `pass_tokens` tokens. Whole prompts share a pass, in the order given; a prompt that is
// longer goes alone, in chunks of `pass_tokens`, its tail in the last one even where that is then larger.
// Depends on the arguments alone, so that the numbers of a unit do, too.
std::vector<std::vector<PromptPiece>> pack_prompts(std::span<const PromptExtent> prompts,
                                                   std::int64_t pass_tokens);

}  // namespace lacuna
