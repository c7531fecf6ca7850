// Names of models and families in the names of tests.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>

namespace lacuna::testing {

// `name` with '_' for what GoogleTest does not take in the name of a test.
inline std::string to_test_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

}  // namespace lacuna::testing
