// From the parts of a run to one store file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/keep_alive.h"
#include "results/hdf5_file.h"
#include "results/run_directory.h"

namespace lacuna {

struct MergeOptions {
  bool allow_incomplete = false;      // merge what is there and mark the store as incomplete
  std::filesystem::path output = {};  // empty: the run directory's store.h5
  KeepAlive keep_alive = {};          // called for every part; what it throws ends the merge without a trace
};

// Checks every part (checksum, unit, questions), then copies them in plan order into one file, a few rows at
// a time, under a temporary name that is renamed at the end. The content does not depend on the order in
// which the parts were made. Returns the store's path. Throws InputError with a list of missing, double,
// foreign or corrupt parts (corrupt ones count as missing with allow_incomplete), StorageError if the disk
// fails.
std::filesystem::path merge_run(const RunDirectory& run, const MergeOptions& options = {});

// Whether the run directory has a store that is younger than its manifest and all of its parts.
bool is_store_current(const RunDirectory& run);

// A hash of all that a store says but for timings and the manifest's environment, as 32 hexadecimal digits.
std::string content_digest(const std::filesystem::path& store);

// Empty if two stores say the same but for timings and the manifest's environment; else the first difference:
// its path in the file, the position and both values.
std::string compare_stores(const std::filesystem::path& a, const std::filesystem::path& b);
// The same for open files, which may be parts too.
std::string compare_contents(const Hdf5File& a, const Hdf5File& b);

// The first difference of every dataset or group that differs, at most `limit` of them.
std::vector<std::string> find_store_differences(const std::filesystem::path& a,
                                                const std::filesystem::path& b, std::size_t limit);

}  // namespace lacuna
