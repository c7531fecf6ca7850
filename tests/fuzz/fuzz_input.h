// What the fuzz targets share: the bytes of an input as text or as a file, and the one way in which bad input
// may end. Everything else (a crash, another exception, a hang, a failed `require`) is a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "tests/temporary_folder.h"

namespace lacuna::testing {

inline std::string_view view_input(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The folder of this process, for readers that want a file's path.
inline const TemporaryFolder& fuzz_folder() {
  static const TemporaryFolder folder;
  return folder;
}

// Runs `read`; that it refuses the input with an InputError is fine.
template <class Read>
void allow_refusal(const Read& read) {
  try {
    read();
  } catch (const InputError&) {
    return;
  }
}

// Ends the program, which libFuzzer reports as a crash, if a promise of the code under test does not hold.
inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

}  // namespace lacuna::testing
