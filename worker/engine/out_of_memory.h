// Tells an allocation that failed from other failures of a pass.
#pragma once

#include <exception>

namespace lacuna {

// Whether `error` says that the host's or the device's memory did not suffice.
bool is_out_of_memory(const std::exception& error);

}  // namespace lacuna
