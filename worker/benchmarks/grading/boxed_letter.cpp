#include "worker/benchmarks/grading/boxed_letter.h"

#include <array>
#include <optional>

#include "worker/benchmarks/grading/letter_context.h"
#include "worker/benchmarks/grading/response_text.h"

namespace lacuna::grading {
namespace {

// The letter of the box whose content begins at `position`.
std::optional<char> read_box(std::string_view text, std::size_t position) {
  position = skip_latex_wrappers(text, position);
  if (const auto noun = match_any_word(text, position, {"option", "choice", "answer"})) {
    std::size_t next = skip_white_space(text, *noun);
    if (next < text.size() && text[next] == ':') ++next;
    position = skip_latex_wrappers(text, next);
  }
  if (position >= text.size()) return std::nullopt;
  const char letter = text[position];
  const bool capital = letter >= 'A' && letter <= 'D';
  if (!capital && !(letter >= 'a' && letter <= 'd')) return std::nullopt;
  const std::size_t end = position + 1;
  const std::size_t next = skip_white_space(text, end);
  if (next >= text.size() || !stands_alone(text, end)) return std::nullopt;
  const std::string_view closers = capital ? "})].:*$" : "})]";
  if (closers.find(text[next]) == std::string_view::npos) return std::nullopt;
  if (second_letter_follows(text, end)) return std::nullopt;
  return capital ? letter : static_cast<char>(letter - 32);
}

}  // namespace

std::size_t skip_latex_wrappers(std::string_view text, std::size_t position) {
  constexpr std::array<std::string_view, 12> kCommands = {
      "\\text",   "\\textbf", "\\textrm", "\\textit", "\\textsf", "\\texttt",
      "\\mathrm", "\\mathbf", "\\mathit", "\\mathsf", "\\mathtt", "\\operatorname"};
  for (;;) {
    const std::size_t before = position;
    position = skip_opening_marks(text, position);
    if (position < text.size() && text[position] == '{') ++position;
    if (text.substr(position).starts_with("\\(") || text.substr(position).starts_with("\\[")) position += 2;
    for (const std::string_view command : kCommands) {
      if (!text.substr(position).starts_with(command)) continue;
      const std::size_t brace = skip_white_space(text, position + command.size());
      if (brace < text.size() && text[brace] == '{') {
        position = brace + 1;
        break;
      }
    }
    if (position == before) return position;
  }
}

std::string find_boxed_letter(std::string_view text) {
  constexpr std::string_view kCommand = "\\boxed";
  const std::size_t last_brace = text.rfind('}');  // a box cut off at the end does not count
  if (last_brace == std::string_view::npos) return {};
  std::string found;
  for (std::size_t position = 0; (position = text.find(kCommand, position)) != std::string_view::npos;) {
    position = skip_white_space(text, position + kCommand.size());
    if (position >= last_brace) break;
    if (text[position] != '{') continue;
    if (const auto letter = read_box(text.substr(0, last_brace + 1), position + 1)) found.assign(1, *letter);
  }
  return found;
}

}  // namespace lacuna::grading
