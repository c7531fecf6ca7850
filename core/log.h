// The log of a run: a file that says with times what the coordinator saw. Nothing is logged before it is
// opened.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string_view>

namespace lacuna {

enum class LogLevel { kInfo, kWarning, kError };

// Appends to `file`, every line written through at once. Throws StorageError if it cannot be opened.
void open_log(const std::filesystem::path& file);
void close_log();
// A full disk does not throw here: the log is a convenience.
void write_log(LogLevel level, std::string_view text);

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace lacuna
