#include "worker/benchmarks/text_file.h"

#include <fstream>
#include <iterator>

#include "core/error.h"

namespace lacuna {

std::string read_text_file(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) {
    throw InputError({.problem = "no such file", .suggestion = "check the benchmark's path"},
                     SourceLocation{file});
  }
  if (std::filesystem::is_directory(status)) {
    throw InputError({.problem = "a directory where a file is expected"}, SourceLocation{file});
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.is_open() || stream.bad()) {
    throw SystemError({.problem = "cannot read the file", .suggestion = "check its permissions"},
                      SourceLocation{file});
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return text;
}

}  // namespace lacuna
