#include "bench/scratch_folder.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "core/error.h"

namespace lacuna {

ScratchFolder::ScratchFolder(double bytes_needed) {
  const std::filesystem::path place = std::filesystem::temp_directory_path();
  if (static_cast<double>(std::filesystem::space(place).available) < bytes_needed) {
    throw SystemError(
        {.problem = fmt::format("less than {:.1f} GB are free in {}", 1e-9 * bytes_needed, place.string()),
         .suggestion = "set TMPDIR to a folder with more space"});
  }
  std::string pattern = (place / "lacuna-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw SystemError({.problem = fmt::format("cannot make a folder in {}", place.string())});
  }
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace lacuna
