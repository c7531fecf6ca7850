#include "apps/demo_maker/whole_file.h"

#include <fstream>

#include "core/error.h"

namespace lacuna {

void write_whole_file(const std::filesystem::path& file, std::string_view content) {
  std::error_code ignored;  // opening the file fails as well, with a better message
  std::filesystem::create_directories(file.parent_path(), ignored);
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  stream.close();
  if (!stream) {
    throw SystemError({.problem = "cannot write " + file.string(),
                       .suggestion = "check the permissions and the free space of that folder"});
  }
}

}  // namespace lacuna
