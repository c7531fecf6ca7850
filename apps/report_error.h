// How a failure is told to the user: one sentence on stderr, and an exit code.
#pragma once

#include <exception>

#include "core/error.h"

namespace lacuna {

// Prints "lacuna: error: ..." and returns the code that the process is to exit with.
ExitCode report_error(const std::exception_ptr& failure);

}  // namespace lacuna
