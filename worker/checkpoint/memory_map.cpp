#include "worker/checkpoint/memory_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace lacuna {

MemoryMap::MemoryMap(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw InputError({.problem = "cannot open the file", .why = std::strerror(errno)}, SourceLocation{path});
  }
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
    ::close(descriptor);
    throw InputError({.problem = "not a regular file with content"}, SourceLocation{path});
  }
  size_ = static_cast<std::size_t>(status.st_size);
  void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0);
  const int error = errno;
  ::close(descriptor);
  if (address == MAP_FAILED) {
    throw InputError({.problem = "cannot map the file into memory", .why = std::strerror(error)},
                     SourceLocation{path});
  }
  data_ = static_cast<const std::byte*>(address);
}

MemoryMap::~MemoryMap() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace lacuna
