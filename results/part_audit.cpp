#include "results/part_audit.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "results/checksum_trailer.h"
#include "results/durable_file.h"
#include "results/hdf5_file.h"
#include "results/part_bundle.h"
#include "results/part_catalog.h"
#include "results/part_inspection.h"

namespace lacuna {

namespace {

class Auditor {
 public:
  Auditor(const RunDirectory& run, const RunManifest& manifest) : run_(run), manifest_(manifest) {
    for (const WorkUnit& unit : manifest.units) plan_[unit.id] = &unit;
  }

  PartAudit run() {
    const PartCatalog catalog = list_parts(run_);
    for (const PartLocation& part : catalog.loose) audit_loose(part);
    for (const ListedBundle& bundle : catalog.bundles) audit_bundle(bundle);
    for (const UnusableFile& bundle : catalog.unusable) take_apart(bundle.file, bundle.why);
    remove_doubles();
    audit_.committed = bundled_;
    for (const auto& [unit, file] : loose_) audit_.committed.insert(unit);
    return std::move(audit_);
  }

 private:
  [[nodiscard]] const WorkUnit* find_unit(const UnitId& unit) const {
    const auto found = plan_.find(unit);
    return found == plan_.end() ? nullptr : found->second;
  }

  void quarantine(const std::filesystem::path& file, std::string why) {
    audit_.quarantined.push_back(quarantine_file(run_, file, std::move(why)));
  }

  void audit_loose(const PartLocation& part) {
    const WorkUnit* const unit = find_unit(part.unit);
    if (unit == nullptr) return quarantine(part.file, "no unit of this run has its name");
    if (auto problem = find_part_problem(part)) return quarantine(part.file, std::move(*problem));
    if (auto problem = find_identity_problem(part, manifest_, *unit)) {
      return quarantine(part.file, std::move(*problem));
    }
    loose_.emplace(part.unit, part.file);
  }

  void audit_bundle(const ListedBundle& bundle) {
    if (bundle.index.fingerprint != manifest_.fingerprint) {
      return quarantine(bundle.file, fmt::format("its run_fingerprint is '{}' instead of '{}'",
                                                 bundle.index.fingerprint, manifest_.fingerprint));
    }
    for (const BundledPart& entry : bundle.index.parts) {
      const WorkUnit* const unit = find_unit(entry.unit);
      const auto problem = unit == nullptr || !is_entry_of(entry, *unit)
                               ? std::optional<std::string>("the plan has no such unit")
                               : find_part_problem(locate(bundle.file, entry));
      if (problem) return take_apart(bundle.file, fmt::format("unit {} in it: {}", entry.unit, *problem));
    }
    for (const BundledPart& entry : bundle.index.parts) bundled_.insert(entry.unit);
  }

  // Keeps the whole parts of a damaged bundle as loose ones, then moves the bundle away.
  void take_apart(const std::filesystem::path& bundle, const std::string& why) {
    for_each_whole_part(bundle, [&](std::span<const std::uint8_t> bytes) { rescue(bundle, bytes); });
    quarantine(bundle, why);
  }

  void rescue(const std::filesystem::path& bundle, std::span<const std::uint8_t> bytes) {
    try {
      const Hdf5File file = Hdf5File::open_image(bytes.first(bytes.size() - kChecksumTrailerBytes), bundle);
      const WorkUnit* const unit = find_unit(read_part_unit(file));
      if (unit == nullptr || loose_.contains(unit->id) || find_identity_problem(file, manifest_, *unit))
        return;
      write_file_durably(run_.part_file(unit->id), {bytes});
      loose_.emplace(unit->id, run_.part_file(unit->id));
      ++audit_.rescued_parts;
    } catch (const Hdf5Error&) {
      // Not a part after all.
    }
  }

  void remove_doubles() {
    for (auto place = loose_.begin(); place != loose_.end();) {
      if (!bundled_.contains(place->first)) {
        ++place;
        continue;
      }
      std::error_code status;
      std::filesystem::remove(place->second, status);
      if (status) throw StorageError("remove", place->second, status.value());
      ++audit_.removed_doubles;
      place = loose_.erase(place);
    }
  }

  const RunDirectory& run_;
  const RunManifest& manifest_;
  std::map<UnitId, const WorkUnit*> plan_;
  std::map<UnitId, std::filesystem::path> loose_;  // whole ones
  std::set<UnitId> bundled_;                       // in whole bundles
  PartAudit audit_;
};

}  // namespace

PartAudit audit_parts(const RunDirectory& run, const RunManifest& manifest) {
  return Auditor(run, manifest).run();
}

QuarantinedFile quarantine_file(const RunDirectory& run, const std::filesystem::path& file, std::string why) {
  make_folders(run.damaged_folder());
  std::error_code status;
  std::filesystem::path target;
  for (int number = 1; target.empty() || std::filesystem::exists(std::filesystem::symlink_status(target));
       ++number) {
    target = run.damaged_folder() / fmt::format("{}.{}", file.filename().string(), number);
  }
  move_file_durably(file, target);
  const nlohmann::json line = {
      {"file", file.filename().string()}, {"moved_to", target.filename().string()}, {"why", why}};
  append_to_file(run.quarantine_log(),
                 line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  return {.file = file, .why = std::move(why), .moved_to = std::move(target)};
}

std::vector<QuarantinedFile> read_quarantine(const RunDirectory& run) {
  std::vector<QuarantinedFile> files;
  std::ifstream stream(run.quarantine_log(), std::ios::binary);
  for (std::string line; std::getline(stream, line);) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object()) continue;
    const auto text = [&](const char* key) {
      const auto found = object.find(key);
      return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    files.push_back({.file = run.parts_folder() / text("file"),
                     .why = text("why"),
                     .moved_to = run.damaged_folder() / text("moved_to")});
  }
  return files;
}

}  // namespace lacuna
