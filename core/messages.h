// What coordinator and workers say to each other, and its form on the wire (JSON, one object a message).
//
// Order of events: the coordinator sends StartWork to every worker; a worker answers WorkerReady, or
// WorkerFailed if it cannot work at all; then RunUnit is answered by any number of UnitProgress and one
// UnitDone or UnitFailed. Before these there may be UnitComputed: then the worker can be given another
// unit while it writes this one. StopWork ends the worker at any point, and is answered by WorkerLeft.
// StillHere comes now and then, so that a worker notices when there is no coordinator any more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

#include "core/error.h"
#include "core/work_unit.h"

namespace lacuna {

// Names one assignment of a unit to a worker, so that a late answer to an earlier assignment is recognised.
using LeaseId = StrongId<struct LeaseIdTag, std::int64_t>;

// --- coordinator to worker

struct StartWork {
  std::string experiment_json;          // to_json(config).dump(); read with experiment_from_json
  std::filesystem::path run_directory;  // exists; absolute
  std::string fingerprint;              // of the run: config and content of models and data
  std::string device_kind = {};  // "cpu" or "cuda": what it must compute on; empty: as compute.device says
};

struct RunUnit {
  WorkUnit unit;
  LeaseId lease;
};

struct StopWork {
  ExitCode exit_code = ExitCode::kOk;  // what the worker's process is to exit with
};

// Nothing to do, but the coordinator lives.
struct StillHere {};

using CoordinatorMessage = std::variant<StartWork, RunUnit, StopWork, StillHere>;

// --- worker to coordinator

struct WorkerReady {
  std::string host;
  std::int64_t process_id = 0;
  std::string device;        // for people, for example "cuda:1 NVIDIA H100"
  std::string device_kind;   // "cpu" or "cuda"
  std::int64_t threads = 0;  // CPU threads it computes with
};

struct WorkerFailed {
  std::string reason;
  ExitCode exit_code = ExitCode::kFailure;
};

// Sent now and then while a unit is computed; it also tells that the worker is alive.
struct UnitProgress {
  UnitId unit;
  LeaseId lease;
  std::int64_t questions_done = 0;
};

// All of the unit is computed and its part is being written: the worker can take another one.
struct UnitComputed {
  UnitId unit;
  LeaseId lease;
};

// The unit's part is durable.
struct UnitDone {
  UnitId unit;
  LeaseId lease;
  double seconds = 0;
};

struct UnitFailed {
  UnitId unit;
  LeaseId lease;
  std::string reason;
  bool storage_failed = false;  // the disk failed, not the unit: another try fails as well
};

// A signal told the worker's process that its time is running out (SLURM's warning, SIGTERM).
struct StopRequested {
  std::string signal;  // "SIGTERM"
};

// The answer to StopWork, and the last word.
struct WorkerLeft {};

using WorkerMessage = std::variant<WorkerReady, WorkerFailed, UnitProgress, UnitComputed, UnitDone,
                                   UnitFailed, StopRequested, WorkerLeft>;

// Bytes that are not UTF-8 (in the text of an error) become U+FFFD.
std::string encode(const CoordinatorMessage& message);
std::string encode(const WorkerMessage& message);
// Throw InputError if the text is not such a message.
CoordinatorMessage decode_coordinator_message(std::string_view text);
WorkerMessage decode_worker_message(std::string_view text);

}  // namespace lacuna
