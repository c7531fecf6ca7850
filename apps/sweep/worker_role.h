// What a process does that computes: in itself, or in an engine process that it watches over.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/sweep/inference_parts.h"
#include "apps/sweep/node_place.h"
#include "core/channel.h"
#include "core/error.h"

namespace lacuna {

// The first word on the command line of an engine process.
inline constexpr const char* kEngineCommand = "engine";

// Serves units in this process until StopWork; returns the process's exit code.
ExitCode serve_inside(WorkerChannel& channel, const NodePlace& node, const InferenceParts& inference);

// Starts an engine process of this program and serves as its supervisor until StopWork; returns nothing if
// the coordinator fell silent.
std::optional<ExitCode> serve_with_engine_process(WorkerChannel& channel, const NodePlace& node);

// What `lacuna engine ...` does: `arguments` are those behind kEngineCommand, as serve_with_engine_process
// wrote them.
ExitCode serve_as_engine(const std::vector<std::string>& arguments, const InferenceParts& inference);

}  // namespace lacuna
