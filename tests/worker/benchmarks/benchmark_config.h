// The config of a benchmark as the tests start from it.
#pragma once

#include <filesystem>
#include <string>

#include "core/experiment_config.h"

namespace lacuna::testing {

inline BenchmarkConfig make_config(const std::string& kind, const std::filesystem::path& path) {
  BenchmarkConfig config;
  config.name = kind;
  config.kind = kind;
  config.path = path;
  return config;
}

}  // namespace lacuna::testing
