// The device that tests of inference compute on: LACUNA_DEVICE=cuda, or the CPU.
#pragma once

#include <cstdlib>
#include <string>

#include "core/error.h"
#include "worker/nn/compute_device.h"

namespace lacuna::testing {

// Throws, so that the test fails, if CUDA is asked for and is not there: tests that were to run on a GPU must
// not pass on the CPU.
inline at::Device test_device() {
  const char* const variable = std::getenv("LACUNA_DEVICE");
  const std::string name = variable != nullptr && *variable != '\0' ? variable : "cpu";
  if (name != "cpu" && name != "cuda") {
    throw InputError({.problem = "LACUNA_DEVICE is '" + name + "'", .suggestion = "use cpu or cuda"});
  }
  return open_device(name == "cpu" ? -1 : 0);
}

}  // namespace lacuna::testing
