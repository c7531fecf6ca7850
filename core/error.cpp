#include "core/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace lacuna {
namespace {

const char* suggest_way_out(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "free some space and run again: what is complete is kept";
    case EROFS:
    case EACCES:
    case EPERM:
      return "make it writable and run again: what is complete is kept";
    case ENOENT:
    case ENOTDIR:
    case ESTALE:
    case ENODEV:
      return "its folder is gone: bring it back and run again";
    default:
      return "";
  }
}

}  // namespace

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

StorageError::StorageError(std::string_view action, const std::filesystem::path& file, int error_number)
    : SystemError({.problem = fmt::format("cannot {} '{}'", action, file.string()),
                   .why = std::generic_category().message(error_number),
                   .suggestion = suggest_way_out(error_number)}) {}

StorageError StorageError::reading(const std::filesystem::path& file, int error_number) {
  return StorageError(
      ErrorText{.problem = fmt::format("cannot read '{}'", file.string()),
                .why = std::generic_category().message(error_number),
                .suggestion = "nothing was changed: when it can be read, start the same command again"});
}

}  // namespace lacuna
