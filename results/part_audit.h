// What a coordinator does with the parts before it hands out work: checks every one of them, moves what is
// damaged or does not belong out of the way, and ends what an earlier process could not end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "results/run_directory.h"
#include "results/run_manifest.h"

namespace lacuna {

// A file that was moved to RUNDIR/damaged/.
struct QuarantinedFile {
  std::filesystem::path file;  // where it was
  std::string why;             // one clause: "its checksum does not match"
  std::filesystem::path moved_to;
};

struct PartAudit {
  std::set<UnitId> committed;                // of the plan, whole; all others are to be computed
  std::vector<QuarantinedFile> quarantined;  // to be reported, a line each
  std::int64_t rescued_parts = 0;            // taken out of damaged bundles and kept
  std::int64_t removed_doubles = 0;          // loose parts of units that a bundle holds, both whole
};

// Reads every part once. A loose part must have its checksum, be readable HDF5, and say that it is the part
// of the unit that its name says, with that unit's questions, in this run; a bundle must have its index, be
// of this run, and each part in it its checksum (its attributes were checked when it was bundled, and the
// index repeats them). What is not so goes to damaged/, and the whole parts of a damaged bundle become loose
// parts again. A crash in here loses nothing: the next audit goes on. A file that the operating system cannot
// read at the moment (StorageError) is not damaged: it stays where it is, and nothing is concluded from it.
//
// Only with the run's lock held, before workers start. A loose part of 100 KB costs 0.17 ms of CPU, a bundled
// one 0.08 ms (in the page cache): 2 s and 1 s for 10,000 of them. Throws StorageError.
PartAudit audit_parts(const RunDirectory& run, const RunManifest& manifest);

// Moves a file to RUNDIR/damaged/<name>.<n>, n the first number that is free, and notes the reason in
// damaged/reasons.jsonl. Only with the run's lock held. Throws StorageError.
QuarantinedFile quarantine_file(const RunDirectory& run, const std::filesystem::path& file, std::string why);

// What was ever quarantined in this run, oldest first.
std::vector<QuarantinedFile> read_quarantine(const RunDirectory& run);

}  // namespace lacuna
