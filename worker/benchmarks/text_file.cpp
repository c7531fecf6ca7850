#include "worker/benchmarks/text_file.h"

#include "core/whole_file.h"

namespace lacuna {

std::string read_text_file(const std::filesystem::path& file) {
  std::string text = read_whole_file(file, {"a benchmark's file", std::uint64_t{1} << 30U});
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return text;
}

}  // namespace lacuna
