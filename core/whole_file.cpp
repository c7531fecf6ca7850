#include "core/whole_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/error.h"

namespace lacuna {
namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 16U;

std::string write_size(std::uint64_t bytes) {
  constexpr std::uint64_t kGibibyte = std::uint64_t{1} << 30U;
  constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;
  if (bytes % kGibibyte == 0) return fmt::format("{} GiB", bytes / kGibibyte);
  if (bytes % kMebibyte == 0) return fmt::format("{} MiB", bytes / kMebibyte);
  return fmt::format("{} bytes", bytes);
}

[[noreturn]] void refuse_size(const std::filesystem::path& file, const FileLimit& limit) {
  throw InputError(
      {.problem = "is too large",
       .why = fmt::format("{} of at most {} is read", limit.what, write_size(limit.maximum_bytes))},
      SourceLocation{file});
}

// The size that the file system gives, 0 where it does not know: a pipe.
std::uint64_t find_size(const std::filesystem::path& file, const FileLimit& limit) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw InputError({.problem = "no such file", .suggestion = "check the path"}, SourceLocation{file});
  }
  if (std::filesystem::is_directory(status)) {
    throw InputError({.problem = "a directory where a file is expected",
                      .suggestion = fmt::format("give the path of {}", limit.what)},
                     SourceLocation{file});
  }
  if (!std::filesystem::is_regular_file(status)) return 0;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  return error ? 0 : bytes;
}

}  // namespace

std::string read_whole_file(const std::filesystem::path& file, const FileLimit& limit) {
  const std::uint64_t size = find_size(file, limit);
  if (size > limit.maximum_bytes) refuse_size(file, limit);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(file.c_str(), "rbe"), std::fclose);
  if (stream == nullptr) {
    throw InputError(
        {.problem = "cannot be read", .why = std::strerror(errno), .suggestion = "check its permissions"},
        SourceLocation{file});
  }
  std::string text;
  std::uint64_t piece = size + 1;  // one more than there should be, so that one read sees the end
  for (std::size_t used = 0;; piece = kPieceBytes) {
    text.resize(used + std::max(piece, kPieceBytes));
    const std::size_t read = std::fread(text.data() + used, 1, text.size() - used, stream.get());
    used += read;
    if (used > limit.maximum_bytes) refuse_size(file, limit);
    if (used < text.size()) {
      text.resize(used);
      break;
    }
  }
  if (std::ferror(stream.get()) != 0) {
    throw SystemError({.problem = "cannot be read to its end", .why = std::strerror(errno)},
                      SourceLocation{file});
  }
  return text;
}

}  // namespace lacuna
