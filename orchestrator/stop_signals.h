// The signals that ask a job to end soon: SIGTERM (preemption, scancel), SIGINT (Ctrl-C) and SIGUSR1 (SLURM's
// warning before the time limit, as our job scripts ask for it).
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace lacuna {

// From now on these signals do not end the process but are remembered. Call once, before threads are started.
void catch_stop_signals();

// The name of a remembered signal ("SIGTERM"), once for each that came; nothing if none did.
std::optional<std::string> take_stop_signal();

// Where such names come from: take_stop_signal, or a test.
using TakeStopSignal = std::function<std::optional<std::string>()>;

}  // namespace lacuna
