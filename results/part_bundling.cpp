#include "results/part_bundling.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/content_hash.h"
#include "core/error.h"
#include "results/checksum_trailer.h"
#include "results/hdf5_file.h"
#include "results/part_bundle.h"
#include "results/part_catalog.h"
#include "results/part_inspection.h"

namespace lacuna {

namespace {

struct LoosePart {
  const WorkUnit* unit = nullptr;
  PartLocation place;
  std::uint64_t size = 0;
};

// The loose parts that may go into a bundle, in plan order.
std::vector<LoosePart> find_candidates(const RunManifest& manifest, const PartCatalog& catalog,
                                       const BundlingOptions& options) {
  std::map<UnitId, const PartLocation*> loose;
  for (const PartLocation& part : catalog.loose) loose[part.unit] = &part;
  for (const ListedBundle& bundle : catalog.bundles) {
    for (const BundledPart& entry : bundle.index.parts)
      loose.erase(entry.unit);  // a double: the audit's matter
  }
  std::vector<LoosePart> candidates;
  for (const WorkUnit& unit : manifest.units) {
    const auto found = loose.find(unit.id);
    if (found == loose.end()) continue;
    std::error_code status;
    const std::uint64_t size = std::filesystem::file_size(found->second->file, status);
    if (status || size > options.largest_part_bytes) continue;
    candidates.push_back({.unit = &unit, .place = *found->second, .size = size});
  }
  return candidates;
}

// Cuts the candidates into bundles; what is too little for one is left out.
std::vector<std::vector<LoosePart>> group_candidates(std::vector<LoosePart> candidates,
                                                     const BundlingOptions& options) {
  std::vector<std::vector<LoosePart>> groups;
  if (static_cast<std::int64_t>(candidates.size()) < options.parts) return groups;
  std::vector<LoosePart> group;
  std::uint64_t bytes = 0;
  for (LoosePart& part : candidates) {
    bytes += part.size;
    group.push_back(std::move(part));
    if (static_cast<std::int64_t>(group.size()) < options.parts && bytes < options.bundle_bytes) continue;
    groups.push_back(std::exchange(group, {}));
    bytes = 0;
  }
  return groups;
}

// A name that is not taken, the same for the same units.
std::filesystem::path choose_name(const RunDirectory& run, const std::vector<LoosePart>& group) {
  std::string units;
  for (const LoosePart& part : group) units += part.unit->id.value() + "\n";
  const std::string hash = hash_bytes(units).substr(0, 16);
  std::filesystem::path file;
  for (int number = 1; file.empty() || std::filesystem::exists(file); ++number) {
    file = run.parts_folder() / (number == 1 ? fmt::format("bundle-{}{}", hash, kBundleExtension)
                                             : fmt::format("bundle-{}-{}{}", hash, number, kBundleExtension));
  }
  return file;
}

// Why these bytes are not the whole part of their unit; nothing if they are.
std::optional<std::string> find_problem(const LoosePart& part, const std::vector<std::uint8_t>& bytes,
                                        const RunManifest& manifest) {
  if (auto problem = find_checksum_problem(std::span(bytes))) return problem;
  try {
    const auto image = std::span(bytes).first(bytes.size() - kChecksumTrailerBytes);
    return find_identity_problem(Hdf5File::open_image(image, part.place.file), manifest, *part.unit);
  } catch (const Hdf5Error& error) {
    return error.text().why;
  }
}

class Bundler {
 public:
  Bundler(const RunDirectory& run, const RunManifest& manifest) : run_(run), manifest_(manifest) {}

  void bundle(const std::vector<LoosePart>& group) {
    const std::filesystem::path file = choose_name(run_, group);
    BundleWriter writer(file, manifest_.fingerprint);
    std::vector<std::filesystem::path> bundled;
    std::filesystem::file_time_type youngest = std::filesystem::file_time_type::min();
    for (const LoosePart& part : group) {
      std::vector<std::uint8_t> bytes;
      try {
        bytes = read_part_bytes(part.place);
      } catch (const Error&) {
        continue;  // unreadable or gone: it stays where it is, and the next audit or the merge judges it
      }
      if (auto problem = find_problem(part, bytes, manifest_)) {
        outcome_.quarantined.push_back(quarantine_file(run_, part.place.file, std::move(*problem)));
        outcome_.lost_units.push_back(*part.unit);
        continue;
      }
      std::error_code ignored;
      youngest = std::max(youngest, std::filesystem::last_write_time(part.place.file, ignored));
      writer.add(*part.unit, bytes);
      bundled.push_back(part.place.file);
    }
    if (bundled.empty()) return;
    writer.commit();
    // As old as its parts: a store that was merged from them stays current (is_store_current).
    std::error_code ignored;
    std::filesystem::last_write_time(file, youngest, ignored);
    // What a failing disk keeps is a double, which the next audit removes.
    for (const auto& loose : bundled) std::filesystem::remove(loose, ignored);
    ++outcome_.bundles;
    outcome_.parts += static_cast<std::int64_t>(bundled.size());
  }

  BundlingOutcome take_outcome() { return std::move(outcome_); }

 private:
  const RunDirectory& run_;
  const RunManifest& manifest_;
  BundlingOutcome outcome_;
};

}  // namespace

BundlingOptions BundlingOptions::from_environment() {
  BundlingOptions options;
  const char* const text = std::getenv("LACUNA_BUNDLE_PARTS");
  if (text == nullptr) return options;
  const std::string_view digits(text);
  std::int64_t parts = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), parts);
  if (problem != std::errc() || end != digits.data() + digits.size() || parts < 1) {
    throw InputError({.problem = fmt::format("LACUNA_BUNDLE_PARTS is '{}'", digits),
                      .why = "it must be a positive number of parts"});
  }
  options.parts = parts;
  return options;
}

BundlingOutcome bundle_parts(const RunDirectory& run, const RunManifest& manifest,
                             const BundlingOptions& options) {
  Bundler bundler(run, manifest);
  for (const auto& group : group_candidates(find_candidates(manifest, list_parts(run), options), options)) {
    bundler.bundle(group);
  }
  return bundler.take_outcome();
}

}  // namespace lacuna
