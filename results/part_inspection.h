// What merging has to know of a part before it copies anything: whether it is whole, whether it is the part
// of its unit, and how large its groups are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/work_unit.h"
#include "results/hdf5_file.h"
#include "results/part_location.h"
#include "results/run_directory.h"
#include "results/run_manifest.h"

namespace lacuna {

// Items and ragged rows of a group.
struct GroupSize {
  std::int64_t items = 0;
  std::int64_t ragged = 0;
};

struct ModeSizes {
  GroupSize pp;  // empty in exit mode, which shares trace's
  GroupSize response;
  GroupSize rg;
  std::optional<GroupSize> loglik;  // if log-likelihoods were asked for
  std::int64_t timed_questions = 0;
};

struct PartInfo {
  WorkUnit unit;
  PartLocation place;
  std::int64_t layers = 0;
  std::vector<std::int64_t> prompt_token_offsets;  // [question_count + 1]
  std::map<LacMode, ModeSizes> modes;
};

// All parts of a run's plan, and everything that is wrong.
struct RunInspection {
  std::vector<PartInfo> parts;           // in plan order; whole ones only
  std::vector<UnitId> missing;           // in plan order: no part, or a corrupt one
  std::vector<std::string> corrupt;      // "FILE: why"
  std::vector<std::string> conflicting;  // doubles, parts of other runs, contradictions: never mergeable
};

// Why a part is not that of this unit of this run, by its root attributes; nothing if it is. The second form
// opens it; a part that HDF5 does not understand is a problem, not an error. Throws StorageError if it cannot
// be read.
std::optional<std::string> find_identity_problem(const Hdf5File& part, const RunManifest& manifest,
                                                 const WorkUnit& unit);
std::optional<std::string> find_identity_problem(const PartLocation& part, const RunManifest& manifest,
                                                 const WorkUnit& unit);
// The unit that a part says it is of. Throws Hdf5Error.
UnitId read_part_unit(const Hdf5File& part);

// Reads every part whole once (checksum), then its sizes. A unit that is there twice counts once. Works
// beside a coordinator that bundles parts. Throws StorageError if a part cannot be read: nothing is known
// then.
RunInspection inspect_parts(const RunDirectory& run, const RunManifest& manifest);

}  // namespace lacuna
