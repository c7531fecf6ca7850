#include "worker/engine/prompt_packing.h"

#include <algorithm>

namespace lacuna {
namespace {

void cut_long_prompt(std::size_t index, const PromptExtent& prompt, std::int64_t pass_tokens,
                     std::vector<std::vector<PromptPiece>>& passes) {
  const std::int64_t last_tokens = std::max((prompt.tokens - 1) % pass_tokens + 1, prompt.tail);
  const std::int64_t last_first = prompt.tokens - last_tokens;
  for (std::int64_t first = 0; first < last_first; first += pass_tokens) {
    passes.push_back(
        {{.prompt = index, .first = first, .tokens = std::min(pass_tokens, last_first - first)}});
  }
  passes.push_back({{.prompt = index, .first = last_first, .tokens = last_tokens, .is_last = true}});
}

}  // namespace

std::vector<std::vector<PromptPiece>> pack_prompts(std::span<const PromptExtent> prompts,
                                                   std::int64_t pass_tokens) {
  std::vector<std::vector<PromptPiece>> passes;
  std::vector<PromptPiece> shared;
  std::int64_t shared_tokens = 0;
  const auto close = [&] {
    if (!shared.empty()) passes.push_back(std::move(shared));
    shared.clear();
    shared_tokens = 0;
  };
  for (std::size_t index = 0; index < prompts.size(); ++index) {
    const std::int64_t tokens = prompts[index].tokens;
    if (shared_tokens + tokens > pass_tokens) close();
    if (tokens > pass_tokens) {
      cut_long_prompt(index, prompts[index], pass_tokens, passes);
      continue;
    }
    shared.push_back({.prompt = index, .first = 0, .tokens = tokens, .is_last = true});
    shared_tokens += tokens;
  }
  close();
  return passes;
}

}  // namespace lacuna
