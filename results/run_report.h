// `lacuna status`: how far a run is, from its directory alone.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "results/part_audit.h"
#include "results/run_directory.h"
#include "results/run_manifest.h"
#include "results/run_status.h"

namespace lacuna {

struct FailedUnit {
  UnitId unit;
  std::string why;
};

struct RunReport {
  std::string directory;
  std::string experiment;
  std::vector<std::string> models;
  std::vector<std::string> benchmarks;
  // On disk now, by names and bundle indexes; a question counts once for each model and stream.
  std::int64_t units_done = 0;
  std::int64_t units_total = 0;
  std::int64_t questions_done = 0;
  std::int64_t questions_total = 0;
  std::int64_t loose_parts = 0;
  std::int64_t bundles = 0;
  std::vector<FailedUnit> failed;        // given up and not committed since
  std::vector<QuarantinedFile> damaged;  // ever moved to damaged/
  bool has_store = false;
  bool is_store_current = false;
  std::optional<RunStatus> status;        // the coordinator's last sign of life
  std::int64_t seconds_since_status = 0;  // by this machine's clock, at least 0
  // No end was announced, and no sign of life for longer than kSilentSeconds.
  bool is_silent = false;
};

inline constexpr std::int64_t kSilentSeconds = 30;

// Reads names, bundle indexes, the manifest and the small files beside it; takes no lock, writes nothing.
// `now`: seconds since 1970. Throws InputError if it is no run directory.
RunReport report_run(const RunDirectory& run, std::int64_t now);

// For people, some lines.
std::string render_report(const RunReport& report);

// Stable keys: "directory", "experiment", "models", "benchmarks", "state" (that of the status file; "silent"
// if the coordinator seems dead, "unknown" without a status file), "units" and "questions" ({"done",
// "total"}), "loose_parts", "bundles", "failed" ([{"unit", "why"}]), "damaged" ([{"file", "moved_to",
// "why"}]), "store"
// ({"present", "current"}), "coordinator" (status.json and "seconds_since", or null).
nlohmann::json to_json(const RunReport& report);

// "3 min 20 s", "2 h 5 min", "4 d 1 h", "12 s".
std::string describe_duration(double seconds);

}  // namespace lacuna
