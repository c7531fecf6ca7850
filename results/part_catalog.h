// Which parts a run has, by file names and bundle indexes alone: quick, and from any machine. What is listed
// may still be damaged.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "results/part_bundle.h"
#include "results/part_location.h"
#include "results/run_directory.h"

namespace lacuna {

struct ListedBundle {
  std::filesystem::path file;
  BundleIndex index;
};

// A file that is not what its name says.
struct UnusableFile {
  std::filesystem::path file;
  std::string why;
};

struct PartCatalog {
  std::vector<PartLocation> loose;     // parts/*.h5, by name; the unit is the file name's stem
  std::vector<ListedBundle> bundles;   // parts/*.bundle, by name
  std::vector<UnusableFile> unusable;  // bundles without a usable index

  // Where each unit's part is said to be; more than one place only after a crash or a late worker. Bundles
  // first: a loose part of a bundled unit is the one that goes.
  [[nodiscard]] std::map<UnitId, std::vector<PartLocation>> by_unit() const;
};

// Loose parts are listed before bundles are: a part that is bundled meanwhile is seen once or twice, never
// not at all. A missing folder gives nothing. Throws StorageError if the folder or a bundle's index cannot be
// read.
PartCatalog list_parts(const RunDirectory& run);

// The units that have a part whose checksum fits. Reads every part once. (Opening a run does more:
// part_audit.h.) Throws StorageError.
std::set<UnitId> committed_units(const RunDirectory& run);

}  // namespace lacuna
