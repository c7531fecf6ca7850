#include "worker/benchmarks/prompt_texts.h"

#include <fmt/format.h>

namespace lacuna {

std::string choice_letter(std::size_t position) {
  return std::string(1, static_cast<char>('A' + position));
}

std::string write_paper_choices_message(std::string_view question, const std::vector<std::string>& choices) {
  std::string options;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    options += fmt::format("{}{}. {}", i == 0 ? "" : "\n", choice_letter(i), choices[i]);
  }
  return fmt::format(
      "\n    Question:\n    {}\n\n    Options:\n    {}\n\n    Output format:\n    [Option]\n\n    ", question,
      options);
}

std::vector<Continuation> list_letter_continuations(std::size_t count, std::string_view form) {
  std::vector<Continuation> continuations;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string letter = choice_letter(i);
    const std::string text = fmt::format(fmt::runtime(form), letter);
    const std::size_t leading_spaces = text.starts_with(' ') ? 1 : 0;
    continuations.push_back({text, letter, static_cast<std::int32_t>(text.size() - leading_spaces)});
  }
  return continuations;
}

}  // namespace lacuna
