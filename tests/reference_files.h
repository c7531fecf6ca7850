// Where the golden files lie. A plain clone has none beside it; then the tests that need them are skipped by
// name, unless LACUNA_REQUIRE_REFERENCE=1 (CI), under which their absence is a failure.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace lacuna::testing {

// The folder that holds reference/, data/, ...: LACUNA_REFERENCE, or ../shared beside the repository.
// Tests run with the repository root as working directory.
inline std::filesystem::path reference_root() {
  const char* const variable = std::getenv("LACUNA_REFERENCE");
  return variable != nullptr && *variable != '\0' ? std::filesystem::path(variable)
                                                  : std::filesystem::path("../shared");
}

inline bool reference_required() {
  const char* const variable = std::getenv("LACUNA_REQUIRE_REFERENCE");
  return variable != nullptr && std::string(variable) == "1";
}

}  // namespace lacuna::testing

// At the top of a test body: skips the test, or fails it under LACUNA_REQUIRE_REFERENCE=1, if `relative` (a
// path below the reference root, for example "reference/golden/tiny-llama.h5") does not exist.
#define LACUNA_NEEDS_REFERENCE(relative)                                                       \
  if (!std::filesystem::exists(lacuna::testing::reference_root() / (relative))) {              \
    if (lacuna::testing::reference_required()) FAIL() << "missing golden file " << (relative); \
    GTEST_SKIP() << "reference test skipped: no " << (relative) << " below "                   \
                 << lacuna::testing::reference_root() << " (set LACUNA_REFERENCE)";            \
  }
