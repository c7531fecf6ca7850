#include "results/part_catalog.h"

#include <algorithm>
#include <system_error>

#include "core/error.h"

namespace lacuna {

namespace {

constexpr const char* kPartExtension = ".h5";

// Names in parts/ with that extension that are not hidden, sorted.
std::vector<std::filesystem::path> list_files(const RunDirectory& run, const char* extension) {
  std::vector<std::filesystem::path> files;
  std::error_code status;
  for (auto entry = std::filesystem::directory_iterator(run.parts_folder(), status);
       !status && entry != std::filesystem::directory_iterator(); entry.increment(status)) {
    const std::filesystem::path& path = entry->path();
    if (path.extension() == extension && path.filename().string().front() != '.') files.push_back(path);
  }
  // A folder that is not there has no parts; one that cannot be read must not look empty.
  if (status && status != std::errc::no_such_file_or_directory) {
    throw StorageError("read the folder", run.parts_folder(), status.value());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::map<UnitId, std::vector<PartLocation>> PartCatalog::by_unit() const {
  std::map<UnitId, std::vector<PartLocation>> places;
  for (const ListedBundle& bundle : bundles) {
    for (const BundledPart& entry : bundle.index.parts) {
      places[entry.unit].push_back(locate(bundle.file, entry));
    }
  }
  for (const PartLocation& part : loose) places[part.unit].push_back(part);
  return places;
}

PartCatalog list_parts(const RunDirectory& run) {
  PartCatalog catalog;
  for (const auto& file : list_files(run, kPartExtension)) {
    catalog.loose.push_back({.unit = UnitId(file.stem().string()), .file = file});
  }
  for (const auto& file : list_files(run, kBundleExtension)) {
    try {
      catalog.bundles.push_back({.file = file, .index = read_bundle_index(file)});
    } catch (const InputError& error) {
      catalog.unusable.push_back({.file = file, .why = error.text().why});
    }
  }
  return catalog;
}

std::set<UnitId> committed_units(const RunDirectory& run) {
  std::set<UnitId> units;
  for (const auto& [unit, places] : list_parts(run).by_unit()) {
    const bool is_whole = std::any_of(places.begin(), places.end(), [](const PartLocation& part) {
      return !find_part_problem(part).has_value();
    });
    if (is_whole) units.insert(unit);
  }
  return units;
}

}  // namespace lacuna
