// When and how loose parts become bundles.
#pragma once

#include <cstdint>
#include <vector>

#include "results/part_audit.h"
#include "results/run_directory.h"
#include "results/run_manifest.h"

namespace lacuna {

// 100,000 units end as about 1,600 files; writing a bundle takes about as long as 64 units' fsyncs did.
inline constexpr std::int64_t kBundleParts = 64;

struct BundlingOptions {
  // Nothing happens below that many loose parts; a bundle has at most that many.
  std::int64_t parts = kBundleParts;
  // A bundle is closed early when it has reached this size, which bounds the time that bundling takes.
  std::uint64_t bundle_bytes = std::uint64_t{128} << 20U;
  // Larger parts stay as they are: they are few for their size, and copying them would cost more than a file.
  std::uint64_t largest_part_bytes = std::uint64_t{8} << 20U;

  // The above; the environment variable LACUNA_BUNDLE_PARTS sets `parts` (tests use it).
  static BundlingOptions from_environment();
};

struct BundlingOutcome {
  std::int64_t bundles = 0;
  std::int64_t parts = 0;                    // now in these bundles
  std::vector<QuarantinedFile> quarantined;  // damaged since their commit
  std::vector<WorkUnit> lost_units;          // of those, in their order: to be computed again
};

// Moves loose parts of the plan into bundles, in plan order, as long as there are at least options.parts of
// them; the rest stays loose. Each part's checksum and attributes are checked on the way. The bundle is
// durable before the loose files are removed, so that a crash leaves every part once or twice, and readers
// count a unit once. Workers may commit other units meanwhile; a unit that comes twice (a late worker) is
// counted once.
//
// Only with the run's lock held: after audit_parts, and during a run after every kBundleParts commits. Takes
// up to about a second for each 128 MiB. Throws StorageError; nothing is lost then.
BundlingOutcome bundle_parts(const RunDirectory& run, const RunManifest& manifest,
                             const BundlingOptions& options = BundlingOptions::from_environment());

}  // namespace lacuna
