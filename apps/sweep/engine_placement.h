// Where a worker computes: in its own process or in a child.
#pragma once

#include <cstdint>
#include <string>

namespace lacuna {

// Where a worker's inference runs.
enum class EnginePlacement : std::uint8_t {
  kAutomatic,  // a child process under mpirun, inside when one process does everything
  kProcess,    // a child process: its crash costs a unit one failure
  kInside,     // the worker's own process, for debugging
};

// "auto", "process", "inside"; throws InputError that lists them.
EnginePlacement parse_engine_placement(const std::string& name);

}  // namespace lacuna
