// Threads that wait for work should sleep, not spin.
#pragma once

namespace lacuna {

// OpenMP's threads spin at the end of every parallel loop by default. Where other workers or users share the
// cores, that made a small sweep twenty times slower. The policy (OMP_WAIT_POLICY) is read when the library
// is loaded, before main, so this starts the program again in its own process with the policy set. Does
// nothing if the variable is set already, to whatever value. To be called before MPI and threads are started.
void restart_with_passive_threads();

}  // namespace lacuna
