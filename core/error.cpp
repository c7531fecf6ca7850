#include "core/error.h"

#include <fmt/format.h>

namespace lacuna {

std::string format_error(const ErrorText& text, const std::optional<SourceLocation>& location) {
  std::string message;
  if (location) {
    message += location->file.string();
    if (location->line > 0) message += fmt::format(":{}", location->line);
    if (location->line > 0 && location->column > 0) message += fmt::format(":{}", location->column);
    message += ": ";
  }
  message += text.problem;
  if (!text.why.empty()) message += ": " + text.why;
  if (!text.suggestion.empty()) message += "; " + text.suggestion;
  return message;
}

Error::Error(ExitCode exit_code, ErrorText text, std::optional<SourceLocation> location)
    : std::runtime_error(format_error(text, location)),
      exit_code_(exit_code),
      text_(std::move(text)),
      location_(std::move(location)) {}

}  // namespace lacuna
