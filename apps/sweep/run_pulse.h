// The coordinator's sign of life while it reads or writes for minutes, before and after the units are handed
// out.
#pragma once

#include <filesystem>

#include "core/keep_alive.h"

namespace lacuna {

// Touches the run directory every second, for a watchdog (restart_loop.h), if it is there already. Throws an
// Error with exit code kInterrupted once a stop signal has come: nothing that is done then is needed for
// resuming.
KeepAlive make_run_pulse(const std::filesystem::path& run_directory);

}  // namespace lacuna
