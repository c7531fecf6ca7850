// `lacuna run`: who this process is (all alone, coordinator, worker) and what it then does.
#pragma once

#include "apps/sweep/inference_parts.h"
#include "apps/sweep/sweep_preparation.h"
#include "core/error.h"

namespace lacuna {

// Runs, or resumes, the experiment. Under mpirun or srun rank 0 reads and checks it, hands out the units,
// merges the parts and prints the results table on stdout; the other ranks compute. Alone, one process does
// all that. Returns the process's exit code. Errors before and during the run are printed by rank 0 alone,
// and all ranks return the same code.
ExitCode run_sweep(const SweepRequest& request, const InferenceParts& inference);

}  // namespace lacuna
