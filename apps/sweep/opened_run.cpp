#include "apps/sweep/opened_run.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "apps/sweep/device_choice.h"
#include "core/error.h"
#include "core/experiment_json.h"
#include "core/log.h"
#include "orchestrator/work_plan.h"
#include "results/part_bundling.h"

namespace lacuna {
namespace {

constexpr std::size_t kShownDifferences = 4;
constexpr const char* kDeviceKinds = "device_kinds";  // in the manifest's environment
// A job that was killed is often started again at once.
constexpr std::chrono::seconds kLockPatience{10};

// A directory without a manifest may only hold what a run that died at its very start leaves behind.
void refuse_foreign_directory(const RunDirectory& directory) {
  if (has_manifest(directory)) return;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory.root(), ignored)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name == ".lock" || name == directory.log_file().filename() ||
                      name == directory.parts_folder().filename() ||
                      name == directory.status_file().filename() || name.starts_with(".status") ||
                      name.starts_with(".manifest");
    if (ours) continue;
    throw InputError({.problem = fmt::format("'{}' is no run directory", directory.root().string()),
                      .why = fmt::format("it holds '{}' and no manifest.json", name),
                      .suggestion = "choose an empty or new directory with output=..."});
  }
}

void refuse_other_run(const RunDirectory& directory, const RunManifest& found, const RunManifest& wanted) {
  if (found.fingerprint == wanted.fingerprint) return;
  const auto comparable = [](const RunManifest& manifest) {
    const ExperimentConfig config = experiment_from_json(manifest.config.dump());
    return nlohmann::json{{"config", fingerprint_document(config)}, {"content", manifest.content}};
  };
  std::vector<std::string> differences = describe_differences(
      comparable(found), comparable(wanted), "the run directory", "this call", kShownDifferences);
  if (differences.empty()) differences.emplace_back("the plan was made by another version of lacuna");
  throw InputError(
      {.problem = fmt::format("the run in '{}' is another one", directory.root().string()),
       .why = fmt::format("{}", fmt::join(differences, "; ")),
       .suggestion = "choose another directory with output=..., or the config and files it was made with"});
}

std::string current_time() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

// What was recorded by record_device_kind; a manifest of an older version has nothing.
std::set<std::string> read_device_kinds(const RunManifest& manifest) {
  const nlohmann::json kinds = manifest.environment.value(kDeviceKinds, nlohmann::json::array());
  std::set<std::string> result;
  for (const nlohmann::json& kind : kinds) {
    if (kind.is_string()) result.insert(kind.get<std::string>());
  }
  return result;
}

// Bundles only save files: a disk that has no room for one still has all parts.
BundlingOutcome bundle_if_possible(const OpenedRun& run) {
  try {
    return bundle_parts(run.directory, run.manifest);
  } catch (const StorageError& error) {
    log_warning("parts were not bundled: {}", error.what());
    return {};
  }
}

}  // namespace

void log_quarantined(const std::vector<QuarantinedFile>& files) {
  for (const QuarantinedFile& file : files) {
    log_warning("{} was moved to {}: {}", file.file.string(), file.moved_to.string(), file.why);
  }
}

StartWork OpenedRun::start_message() const {
  return {.experiment_json = manifest.config.dump(),
          .run_directory = directory.root(),
          .fingerprint = manifest.fingerprint,
          // Numbers of one kind stay so; where there were two, compute.device decides again.
          .device_kind = earlier.device_kinds == std::set<std::string>{kCudaDevice} ? kCudaDevice : ""};
}

OpenedRun open_run(const PreparedSweep& sweep, const nlohmann::json& content) {
  const RunDirectory directory(sweep.config.output);
  std::error_code failure;
  std::filesystem::create_directories(directory.root(), failure);
  if (failure) {
    throw InputError(
        {.problem = fmt::format("the run directory '{}' cannot be made", directory.root().string()),
         .why = failure.message(),
         .suggestion = "choose another one with output=..."});
  }
  refuse_foreign_directory(directory);
  OpenedRun run{.directory = directory,
                .lock = std::make_unique<RunLock>(directory.root(), kLockPatience),
                .manifest = make_manifest(sweep.config, sweep.plan),
                .open_units = {},
                .earlier = {},
                .quarantined = {}};
  run.manifest.content = content;
  run.manifest.fingerprint = compute_fingerprint(sweep.config, content);
  run.manifest.environment = {{"lacuna", LACUNA_VERSION}, {"sessions", nlohmann::json::array()}};
  if (has_manifest(directory)) {
    const RunManifest found = read_manifest(directory);
    refuse_other_run(directory, found, run.manifest);
    run.manifest.environment = found.environment;
  }
  directory.create();
  open_log(directory.log_file());
  run.manifest.environment["sessions"].push_back({{"began", current_time()}});
  write_manifest(directory, run.manifest);
  remove_temporary_parts(directory);

  PartAudit audit = audit_parts(directory, run.manifest);
  const BundlingOutcome bundling = bundle_if_possible(run);
  run.quarantined = std::move(audit.quarantined);
  run.quarantined.insert(run.quarantined.end(), bundling.quarantined.begin(), bundling.quarantined.end());
  for (const WorkUnit& unit : bundling.lost_units) audit.committed.erase(unit.id);
  std::vector<WorkUnit> committed;
  for (const WorkUnit& unit : sweep.plan) {
    (audit.committed.contains(unit.id) ? committed : run.open_units).push_back(unit);
  }
  run.earlier = {.units = static_cast<std::int64_t>(committed.size()),
                 .questions = count_questions(committed),
                 .device_kinds = {}};
  // What nothing was committed by does not bind anybody.
  if (committed.empty()) run.manifest.environment.erase(kDeviceKinds);
  run.earlier.device_kinds = read_device_kinds(run.manifest);
  log_info("run {}: {} of {} units are committed", run.manifest.fingerprint, committed.size(),
           sweep.plan.size());
  log_quarantined(run.quarantined);
  if (audit.rescued_parts > 0) log_info("{} parts were taken out of damaged bundles", audit.rescued_parts);
  if (bundling.bundles > 0) log_info("{} parts are now in {} bundles", bundling.parts, bundling.bundles);
  return run;
}

void record_device_kind(OpenedRun& run, const std::string& device_kind) {
  std::set<std::string> kinds = read_device_kinds(run.manifest);
  kinds.insert(device_kind);
  run.manifest.environment[kDeviceKinds] = kinds;
  write_manifest(run.directory, run.manifest);
}

void record_session(OpenedRun& run, const SweepOutcome& outcome) {
  nlohmann::json workers = nlohmann::json::array();
  for (const auto& [id, worker] : outcome.workers) {
    workers.push_back({{"worker", id.value()},
                       {"host", worker.host},
                       {"device", worker.device},
                       {"threads", worker.threads}});
  }
  nlohmann::json& session = run.manifest.environment["sessions"].back();
  session["ended"] = current_time();
  session["workers"] = std::move(workers);
  session["units_completed"] = outcome.completed_units;
  write_manifest(run.directory, run.manifest);
}

}  // namespace lacuna
