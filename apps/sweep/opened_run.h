// A run directory that this coordinator owns: locked, checked against what is asked for, its state known.
#pragma once

#include <memory>
#include <vector>

#include "apps/sweep/sweep_preparation.h"
#include "core/messages.h"
#include "orchestrator/coordinator.h"
#include "orchestrator/run_lock.h"
#include "results/part_audit.h"
#include "results/run_directory.h"

namespace lacuna {

struct OpenedRun {
  RunDirectory directory;
  std::unique_ptr<RunLock> lock;
  RunManifest manifest;
  std::vector<WorkUnit> open_units;  // not yet committed, in plan order
  EarlierWork earlier;
  std::vector<QuarantinedFile> quarantined;  // damaged or foreign parts; their units are computed again

  // What workers are told.
  [[nodiscard]] StartWork start_message() const;
};

// Makes or resumes the run at config.output: takes the lock, opens the log, compares fingerprints, writes the
// manifest, checks the parts (part_audit.h: damaged and foreign ones are moved away) and bundles them, finds
// what is committed. Throws InputError if the directory is in use, belongs to another experiment or other
// files (the differences are named), or holds things that are not ours.
OpenedRun open_run(const PreparedSweep& sweep, const nlohmann::json& content);

// Notes at once in the manifest that this run computes on that kind of device too ("cpu", "cuda").
void record_device_kind(OpenedRun& run, const std::string& device_kind);

// A line in the log for each.
void log_quarantined(const std::vector<QuarantinedFile>& files);

// Adds what this session ran on to the manifest's environment, and writes it.
void record_session(OpenedRun& run, const SweepOutcome& outcome);

}  // namespace lacuna
