#include "apps/sweep/engine_placement.h"

#include <fmt/format.h>

#include "core/error.h"

namespace lacuna {

EnginePlacement parse_engine_placement(const std::string& name) {
  if (name == "auto") return EnginePlacement::kAutomatic;
  if (name == "process") return EnginePlacement::kProcess;
  if (name == "inside") return EnginePlacement::kInside;
  throw InputError({.problem = fmt::format("unknown engine placement '{}'", name),
                    .suggestion = "use one of auto, process, inside"});
}

}  // namespace lacuna
