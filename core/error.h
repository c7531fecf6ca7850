// What went wrong, why, and what to do about it.
//
// Every failure that a user can cause (a wrong config key, a truncated checkpoint, a full disk) is thrown as
// `Error` and printed once, in one sentence, by the command-line front end, which exits with `exit_code`.
// Programming errors stay `std::logic_error`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lacuna {

// Process exit codes, documented in the README.
enum class ExitCode : int {
  kOk = 0,
  kFailure = 1,      // the run itself failed (a device, a disk, a unit)
  kBadInput = 2,     // config, command line, model or data files
  kIncomplete = 3,   // some units failed; the rest is in the store
  kInterrupted = 4,  // stopped by a signal; the same command resumes
};

// Where in a user's file a problem lies. `line` and `column` count from 1; 0 means unknown.
struct SourceLocation {
  std::filesystem::path file;
  std::int64_t line = 0;
  std::int64_t column = 0;
};

// One problem, for a reader who has never seen the code: `problem` names the thing, `why` the rule that it
// breaks, `suggestion` the way out. `why` and `suggestion` may be empty.
struct ErrorText {
  std::string problem;
  std::string why = {};
  std::string suggestion = {};
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode exit_code, ErrorText text, std::optional<SourceLocation> location = std::nullopt);

  [[nodiscard]] ExitCode exit_code() const { return exit_code_; }
  [[nodiscard]] const ErrorText& text() const { return text_; }
  [[nodiscard]] const std::optional<SourceLocation>& location() const { return location_; }

 private:
  ExitCode exit_code_;
  ErrorText text_;
  std::optional<SourceLocation> location_;
};

// Something that the user handed us is wrong: exit code 2.
class InputError : public Error {
 public:
  explicit InputError(ErrorText text, std::optional<SourceLocation> location = std::nullopt)
      : Error(ExitCode::kBadInput, std::move(text), std::move(location)) {}
};

// The machine failed us (disk full, device lost): exit code 1.
class SystemError : public Error {
 public:
  explicit SystemError(ErrorText text, std::optional<SourceLocation> location = std::nullopt)
      : Error(ExitCode::kFailure, std::move(text), std::move(location)) {}
};

// The disk failed us (full, read-only, gone): exit code 1. What is committed stays valid, and the same
// command resumes when there is space again. A worker that gets one must not charge it to its unit.
class StorageError : public SystemError {
 public:
  // "cannot <action> '<file>': <what the error number means>; <what to do>", for example action "write".
  StorageError(std::string_view action, const std::filesystem::path& file, int error_number);
  // The operating system could not read a file or folder of ours. That says nothing about what it holds.
  static StorageError reading(const std::filesystem::path& file, int error_number);
  // For failures without an error number.
  explicit StorageError(ErrorText text) : SystemError(std::move(text)) {}
};

// "FILE:LINE:COLUMN: problem: why; suggestion" with the parts that are known.
std::string format_error(const ErrorText& text, const std::optional<SourceLocation>& location);

}  // namespace lacuna
