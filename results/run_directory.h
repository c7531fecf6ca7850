// What lies where in the directory of a run.
//
//   manifest.json                   what is run: names, thresholds, units, resolved config, hashes,
//   environment parts/<unit id>.h5              the committed units (a part's presence is its commit)
//   parts/bundle-*.bundle           many of them in one file (part_bundle.h)
//   parts/.*.tmp                    being written, or left over by a process that died
//   damaged/<name>.<n>              parts and bundles that could not be used; reasons.jsonl says why
//   status.json                     the coordinator's last sign of life (run_status.h)
//   failures.jsonl                  one line for every time a unit was given up: {"unit", "why"}
//   store.h5                        all parts in one file, after merging
//   run.log                         the log of the coordinator
//   author_json/<model>/<benchmark>/<mode>/alpha_<alpha>/sample_<question>.json    if store.author_json
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/ids.h"
#include "core/records.h"
#include "results/run_manifest.h"

namespace lacuna {

class RunDirectory {
 public:
  // Creates nothing.
  explicit RunDirectory(std::filesystem::path root) : root_(std::move(root)) {}

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path manifest_file() const { return root_ / "manifest.json"; }
  [[nodiscard]] std::filesystem::path parts_folder() const { return root_ / "parts"; }
  [[nodiscard]] std::filesystem::path part_file(const UnitId& unit) const;
  [[nodiscard]] std::filesystem::path damaged_folder() const { return root_ / "damaged"; }
  // One line for every file that was moved to damaged/: {"file", "moved_to", "why"}.
  [[nodiscard]] std::filesystem::path quarantine_log() const { return damaged_folder() / "reasons.jsonl"; }
  [[nodiscard]] std::filesystem::path status_file() const { return root_ / "status.json"; }
  [[nodiscard]] std::filesystem::path failures_file() const { return root_ / "failures.jsonl"; }
  [[nodiscard]] std::filesystem::path store_file() const { return root_ / "store.h5"; }
  [[nodiscard]] std::filesystem::path log_file() const { return root_ / "run.log"; }
  // The folder of the author's JSON files of one model, benchmark, mode and threshold.
  [[nodiscard]] std::filesystem::path author_json_folder(const std::string& model,
                                                         const std::string& benchmark, LacMode mode,
                                                         double alpha) const;

  // Makes the directory and parts/. Throws StorageError.
  void create() const;

 private:
  std::filesystem::path root_;
};

// Removes the temporary files of dead writers, in parts/ and in the run directory itself. Only while nobody
// writes: at the start of a run, by rank 0.
void remove_temporary_parts(const RunDirectory& run);

// Writes manifest.json at once or not at all (temporary name, fsync, rename). Throws StorageError.
void write_manifest(const RunDirectory& run, const RunManifest& manifest);
// Throws InputError if there is none, or it is no manifest of a known version.
RunManifest read_manifest(const RunDirectory& run);
bool has_manifest(const RunDirectory& run);

// Appends to failures.jsonl that a unit was given up. Throws StorageError, and then leaves no half line.
void record_failed_unit(const RunDirectory& run, const UnitId& unit, const std::string& why);
// The last reason of every unit recorded there. A unit that was committed later is still listed.
std::map<UnitId, std::string> failed_units(const RunDirectory& run);

}  // namespace lacuna
