// The coordinator's sign of life: what it was doing a moment ago, for people who look at the run directory
// from any machine. Nothing depends on it; the parts on disk are the truth.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "results/run_directory.h"

namespace lacuna {

enum class RunState : std::uint8_t {
  kPreparing = 0,    // checks parts, waits for workers
  kRunning = 1,      // units are handed out
  kStopping = 2,     // no more are; those in flight are waited for
  kFinished = 3,     // ended, everything is committed
  kIncomplete = 4,   // ended, some units failed
  kInterrupted = 5,  // ended by a signal or a time limit; the same command resumes
  kFailed = 6,       // ended by an error
};
// "preparing", "running", "stopping", "finished", "incomplete", "interrupted", "failed".
std::string_view to_string(RunState state);
// Whether the coordinator is done: silence is then no bad sign.
bool has_ended(RunState state);

// What a worker computes at the moment.
struct UnitInFlight {
  WorkerId worker;
  UnitId unit;
  double seconds = 0;  // since it was handed out
};

struct RunStatus {
  RunState state = RunState::kPreparing;
  // Filled in by write_run_status.
  std::int64_t updated_at = 0;  // seconds since 1970, UTC
  std::string host;
  std::int64_t process_id = 0;
  std::string job_id;  // SLURM_JOB_ID, with the array task; empty outside SLURM
  // Of the whole run, earlier sessions included.
  std::int64_t units_done = 0;
  std::int64_t units_total = 0;
  std::int64_t units_failed = 0;
  std::int64_t questions_done = 0;
  std::int64_t questions_total = 0;
  double questions_per_second = 0;    // 0: not known yet
  std::optional<double> eta_seconds;  // until all units are done
  std::int64_t workers = 0;           // that take units
  std::vector<UnitInFlight> in_flight;
  std::string last_error;  // the latest failure of a unit or worker, or what ended the run
};

// Replaces status.json (temporary name, rename; not synced). Fills in time, host, process and job. Never
// throws: a full disk must not end a run because of it.
void write_run_status(const RunDirectory& run, RunStatus status) noexcept;

// The last one written; nothing if there is none or it cannot be used.
std::optional<RunStatus> read_run_status(const RunDirectory& run);

nlohmann::json to_json(const RunStatus& status);

}  // namespace lacuna
