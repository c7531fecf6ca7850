// What the environment says about how this process was started, before any MPI call.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace lacuna {

// Reads an environment variable; tests put in another one.
using ReadVariable = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> read_environment_variable(const char* name);

// Whether a launcher (mpirun, srun --mpi=pmix or pmi2) started this process as a rank, so that MPI_Init will
// find it. Throws InputError if srun started several tasks without telling them about MPI: each would take
// itself for the only one.
bool is_launched_under_mpi(const ReadVariable& read = read_environment_variable);

// The rank that the launcher gave this process; 0 if alone. For deciding who prints errors before MPI runs.
std::int64_t rank_from_environment(const ReadVariable& read = read_environment_variable);

// Cores of a container's CPU quota (cgroup), rounded up; none if there is no limit.
std::optional<std::int64_t> read_cpu_quota();

// Memory of the machine in bytes, or the container's limit (cgroup) if that is lower; 0 if unknown.
std::int64_t read_machine_bytes();

// CPU threads for each worker of a node.
// own_cores: cores that this process may run on; sharing: workers of the node (this one included) that may
// run on the same cores; quota: of the node's container, shared by `node_workers` workers. At least 1.
std::int64_t share_cores(std::int64_t own_cores, std::int64_t sharing, std::optional<std::int64_t> quota,
                         std::int64_t node_workers);

// Cores that this process may run on.
std::int64_t count_own_cores();

}  // namespace lacuna
