#include "results/run_verification.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "results/checksum_trailer.h"
#include "results/content_check.h"
#include "results/merge.h"
#include "results/part_catalog.h"
#include "results/part_inspection.h"
#include "results/schema.h"
#include "results/store_reader.h"

namespace lacuna {

namespace {

// What the units of one model and benchmark add up to.
ExpectedSweep expect_sweep(const RunManifest& manifest, const std::vector<const WorkUnit*>& units) {
  const WorkUnit& any = *units.front();
  ExpectedSweep sweep{
      .group = schema::sweep_group(manifest.models.at(static_cast<std::size_t>(any.model.value())),
                                   manifest.benchmarks.at(static_cast<std::size_t>(any.benchmark.value()))),
      .shared = {},
      .propagate = {},
      .has_exit = std::ranges::count(manifest.modes, LacMode::kExit) > 0,
      .alphas = manifest.alphas,
      .norms = manifest.norms,
      .scoring = manifest.scoring.at(static_cast<std::size_t>(any.benchmark.value()))};
  for (const WorkUnit* const unit : units) {
    auto& questions = unit->stream == StreamKind::kShared ? sweep.shared : sweep.propagate;
    for (std::int64_t i = 0; i < unit->question_count; ++i) {
      questions.push_back(unit->first_question.value() + i);
    }
  }
  std::ranges::sort(sweep.shared);
  std::ranges::sort(sweep.propagate);
  return sweep;
}

void count_plan(const RunManifest& manifest, const std::set<UnitId>& whole, Verification& result) {
  for (const WorkUnit& unit : manifest.units) {
    ++result.units;
    result.questions += unit.question_count;
    if (!whole.contains(unit.id)) continue;
    ++result.units_whole;
    result.questions_whole += unit.question_count;
  }
}

void append(std::vector<std::string>& list, const std::string& subject,
            const std::vector<std::string>& more) {
  for (const std::string& text : more) list.push_back(fmt::format("{}: {}", subject, text));
}

// The store against the plan. `missing`: what it says that it lacks.
void check_store(const std::filesystem::path& file, const RunManifest& manifest,
                 const std::set<UnitId>& missing, Verification& result) {
  const Hdf5File store = Hdf5File::open(file);
  std::map<std::pair<ModelIndex, BenchmarkIndex>, std::vector<const WorkUnit*>> sweeps;
  for (const WorkUnit& unit : manifest.units) {
    if (!missing.contains(unit.id)) sweeps[{unit.model, unit.benchmark}].push_back(&unit);
  }
  for (const auto& [names, units] : sweeps) {
    append(result.damage, file.string(), find_content_problems(store, expect_sweep(manifest, units)));
  }
}

// What the store says that it lacks.
std::set<UnitId> read_missing_units(const StoreReader& reader, const std::filesystem::path& file,
                                    Verification& result) {
  std::set<UnitId> missing;
  for (const MissingUnit& unit : reader.missing_units()) missing.insert(unit.unit);
  if (reader.is_complete() != missing.empty()) {
    result.damage.push_back(fmt::format("{}: it is marked as {} but lists {} missing units", file.string(),
                                        reader.is_complete() ? "complete" : "incomplete", missing.size()));
  }
  return missing;
}

bool begins_as_hdf5(const std::filesystem::path& file) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  std::string begin(kSignature.size(), '\0');
  std::ifstream(file, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kSignature;
}

// A merged file of the run's parts that is gone when this is.
class ScratchStore {
 public:
  ScratchStore(const RunDirectory& run, std::filesystem::path folder) {
    if (folder.empty()) folder = std::filesystem::temp_directory_path();
    file_ = folder / fmt::format("lacuna-verify-{}.h5", ::getpid());
    merge_run(run, {.allow_incomplete = true, .output = file_});
  }
  ~ScratchStore() {
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  }
  ScratchStore(const ScratchStore&) = delete;
  ScratchStore& operator=(const ScratchStore&) = delete;
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
};

class RunVerifier {
 public:
  RunVerifier(const RunDirectory& run, const VerificationOptions& options)
      : run_(run), options_(options), manifest_(read_manifest(run)) {
    result_.subject = run.root();
  }

  Verification verify() {
    check_parts();
    find_doubles();
    std::error_code ignored;
    result_.has_store = std::filesystem::exists(run_.store_file(), ignored);
    if (result_.has_store) check_run_store();
    return std::move(result_);
  }

 private:
  void check_parts() {
    const RunInspection inspection = inspect_parts(run_, manifest_);
    result_.damage = inspection.corrupt;
    result_.damage.insert(result_.damage.end(), inspection.conflicting.begin(), inspection.conflicting.end());
    for (const PartInfo& part : inspection.parts) {
      const std::vector<std::string> problems = find_part_content_problems(part);
      append(result_.damage, describe(part.place), problems);
      if (problems.empty()) whole_.insert(part.unit.id);
    }
    const auto failures = failed_units(run_);
    for (const UnitId& unit : inspection.missing) {
      const auto failure = failures.find(unit);
      result_.missing.push_back(fmt::format("unit {}: no whole part{}", unit,
                                            failure == failures.end() ? "" : " (" + failure->second + ")"));
    }
    count_plan(manifest_, whole_, result_);
  }

  std::vector<std::string> find_part_content_problems(const PartInfo& part) const {
    try {
      return find_content_problems(open_part(part.place), expect_sweep(manifest_, {&part.unit}));
    } catch (const StorageError&) {
      throw;
    } catch (const Error& error) {
      return {error.what()};
    }
  }

  // A unit that is there twice is counted once, by readers too, if both say the same.
  void find_doubles() {
    for (const auto& [unit, places] : list_parts(run_).by_unit()) {
      if (places.size() < 2 || !whole_.contains(unit)) continue;
      for (std::size_t i = 1; i < places.size(); ++i) {
        if (find_part_problem(places[i]) || find_part_problem(places[0])) continue;  // reported as damaged
        const std::string difference = compare_contents(open_part(places[0]), open_part(places[i]));
        const std::string both = fmt::format("{} and {}", describe(places[0]), describe(places[i]));
        if (difference.empty()) {
          result_.notes.push_back(both + " are the same; the next run removes one");
        } else {
          result_.damage.push_back(fmt::format("{} differ: {}", both, difference));
        }
      }
    }
  }

  void check_run_store() {
    const std::filesystem::path store = run_.store_file();
    try {
      if (const auto problem = find_checksum_problem(store)) {
        result_.damage.push_back(fmt::format("{}: {}", store.string(), *problem));
        return;
      }
      const StoreReader reader(store);
      if (comparable_manifest(reader.manifest()) != comparable_manifest(manifest_)) {
        result_.damage.push_back(fmt::format("{}: it is the store of another run", store.string()));
        return;
      }
      const std::set<UnitId> missing = read_missing_units(reader, store, result_);
      check_store(store, manifest_, missing, result_);
      compare_with_parts(missing);
    } catch (const StorageError&) {
      throw;
    } catch (const Error& error) {
      result_.damage.push_back(fmt::format("{}: {}", store.string(), error.what()));
    }
  }

  void compare_with_parts(const std::set<UnitId>& missing) {
    const std::filesystem::path store = run_.store_file();
    std::set<UnitId> there;
    for (const WorkUnit& unit : manifest_.units) {
      if (!missing.contains(unit.id)) there.insert(unit.id);
    }
    if (there.size() < whole_.size() && std::ranges::includes(whole_, there)) {
      result_.missing.push_back(
          fmt::format("{}: {} units are committed that it lacks; lacuna merge adds them", store.string(),
                      whole_.size() - there.size()));
      return;
    }
    if (!std::ranges::includes(whole_, there)) {
      result_.notes.push_back(fmt::format(
          "{}: it holds units whose parts are gone or damaged; not compared with the parts", store.string()));
      return;
    }
    if (!options_.compare_store || !result_.damage.empty()) return;
    const ScratchStore scratch(run_, options_.scratch_folder);
    result_.store_was_compared = true;
    const std::string difference = compare_stores(scratch.file(), store);
    if (!difference.empty()) {
      result_.damage.push_back(fmt::format("{}: it differs from the parts: {}", store.string(), difference));
    }
  }

  const RunDirectory& run_;
  const VerificationOptions& options_;
  RunManifest manifest_;
  std::set<UnitId> whole_;
  Verification result_;
};

}  // namespace

ExitCode Verification::exit_code() const {
  if (!damage.empty()) return ExitCode::kFailure;
  return missing.empty() ? ExitCode::kOk : ExitCode::kIncomplete;
}

Verification verify_run(const RunDirectory& run, const VerificationOptions& options) {
  return RunVerifier(run, options).verify();
}

Verification verify_store(const std::filesystem::path& store) {
  Verification result;
  result.subject = store;
  if (begins_as_hdf5(store)) {
    if (const auto problem = find_checksum_problem(store)) {
      result.has_store = true;
      result.damage.push_back(fmt::format("{}: {}", store.string(), *problem));
      return result;
    }
  }
  const StoreReader reader(store);
  const RunManifest& manifest = reader.manifest();
  result.has_store = true;
  const std::set<UnitId> missing = read_missing_units(reader, store, result);
  std::set<UnitId> whole;
  for (const WorkUnit& unit : manifest.units) {
    if (missing.contains(unit.id)) {
      result.missing.push_back(fmt::format("unit {}: the store was merged without it", unit.id));
    } else {
      whole.insert(unit.id);
    }
  }
  count_plan(manifest, whole, result);
  check_store(store, manifest, missing, result);
  return result;
}

std::string render_verification(const Verification& verification) {
  std::string text;
  for (const std::string& problem : verification.damage) text += "damage: " + problem + "\n";
  for (const std::string& problem : verification.missing) text += "missing: " + problem + "\n";
  for (const std::string& note : verification.notes) text += "note: " + note + "\n";
  const char* verdict = "all well and complete";
  if (verification.exit_code() == ExitCode::kIncomplete) verdict = "whole but incomplete";
  if (verification.exit_code() == ExitCode::kFailure) verdict = "damaged";
  const char* store = "no store";
  if (verification.has_store) store = "store checked";
  if (verification.store_was_compared) store = "store checked and equal to its parts";
  if (verification.has_store && verification.exit_code() == ExitCode::kFailure) store = "see above";
  text += fmt::format("{}: {}; {} of {} units and {} of {} questions are whole; {}\n",
                      verification.subject.string(), verdict, verification.units_whole, verification.units,
                      verification.questions_whole, verification.questions, store);
  return text;
}

nlohmann::json to_json(const Verification& verification) {
  return {{"subject", verification.subject.string()},
          {"ok", verification.damage.empty()},
          {"complete", verification.damage.empty() && verification.missing.empty()},
          {"damage", verification.damage},
          {"missing", verification.missing},
          {"notes", verification.notes},
          {"units", {{"planned", verification.units}, {"whole", verification.units_whole}}},
          {"questions", {{"planned", verification.questions}, {"whole", verification.questions_whole}}},
          {"store", {{"present", verification.has_store}, {"compared", verification.store_was_compared}}}};
}

}  // namespace lacuna
