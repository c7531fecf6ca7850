#include "results/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "results/checksum_trailer.h"
#include "results/column_group.h"
#include "results/durable_file.h"
#include "results/hdf5_file.h"
#include "results/part_bundle.h"
#include "results/part_inspection.h"
#include "results/schema.h"

namespace lacuna {

namespace {

// Questions [first_row, first_row + rows) of a part.
struct QuestionSegment {
  const PartInfo* part = nullptr;
  std::int64_t first_row = 0;
  std::int64_t rows = 0;

  [[nodiscard]] std::int64_t first_question() const { return part->unit.first_question.value() + first_row; }
  [[nodiscard]] std::int64_t tokens() const {
    const auto first = static_cast<std::size_t>(first_row);
    return part->prompt_token_offsets.at(first + static_cast<std::size_t>(rows)) -
           part->prompt_token_offsets.at(first);
  }
};

// The parts of one model and benchmark, by first question.
struct SweepParts {
  std::string group;
  std::vector<const PartInfo*> shared;
  std::vector<const PartInfo*> propagate;
};

// Every question of the sweep once, in order. In an incomplete run a question may only be in one of the two
// streams.
std::vector<QuestionSegment> collect_questions(const SweepParts& sweep) {
  std::set<std::int64_t> seen;
  std::vector<QuestionSegment> segments;
  for (const auto* const parts : {&sweep.shared, &sweep.propagate}) {
    for (const PartInfo* const part : *parts) {
      QuestionSegment segment{.part = part};
      for (std::int64_t row = 0; row <= part->unit.question_count; ++row) {
        const bool is_new =
            row < part->unit.question_count && seen.insert(part->unit.first_question.value() + row).second;
        if (is_new && segment.rows == 0) segment.first_row = row;
        if (is_new) ++segment.rows;
        if (!is_new && segment.rows > 0) segments.push_back(std::exchange(segment, {.part = part}));
      }
    }
  }
  std::sort(segments.begin(), segments.end(), [](const QuestionSegment& a, const QuestionSegment& b) {
    return a.first_question() < b.first_question();
  });
  return segments;
}

void merge_questions(Hdf5File& store, const SweepParts& sweep) {
  const std::vector<QuestionSegment> segments = collect_questions(sweep);
  GroupShape shape;
  for (const QuestionSegment& segment : segments) {
    shape.items += segment.rows;
    shape.ragged += segment.tokens();
  }
  const std::string group = schema::question_group(sweep.group);
  ColumnGroupWriter writer(store, group, sweep.group, schema::kQuestionColumns, shape);
  for (const QuestionSegment& segment : segments) {
    writer.append_from(open_part(segment.part->place), group, segment.first_row, segment.rows);
  }
  writer.finish();
}

// A group of a mode and how much a part, or all of them, have of it.
struct SizedGroup {
  std::string path;  // the same in the parts and in the store
  std::span<const schema::Column> columns;
  GroupSize size;
};

// The groups of a mode that are merged column by column, always in the same order.
std::vector<SizedGroup> list_groups(const std::string& mode_group, LacMode mode, const ModeSizes& sizes) {
  const std::string timing = schema::timing_group(mode_group);
  std::vector<SizedGroup> groups;
  if (mode != LacMode::kExit) {  // exit shares trace's
    groups.push_back({schema::prompt_group(mode_group), schema::kPromptColumns, sizes.pp});
    groups.push_back({timing, schema::kPrefillTimingColumns, {.items = sizes.timed_questions}});
  }
  groups.push_back({schema::response_group(mode_group), schema::kResponseColumns, sizes.response});
  groups.push_back({schema::generation_group(mode_group), schema::kGenerationColumns, sizes.rg});
  groups.push_back({timing, schema::kDecodeTimingColumns, {.items = sizes.response.items}});
  if (sizes.loglik) {
    groups.push_back({schema::loglik_group(mode_group), schema::kLoglikColumns, *sizes.loglik});
  }
  return groups;
}

// One mode of one sweep, while it is being merged.
class ModeMerger {
 public:
  ModeMerger(Hdf5File& store, const SweepParts& sweep, LacMode mode,
             const std::vector<const PartInfo*>& parts, const RunManifest& manifest)
      : mode_(mode), group_(schema::mode_group(sweep.group, mode)) {
    std::vector<SizedGroup> totals;
    for (const PartInfo* const part : parts) {
      const std::vector<SizedGroup> groups = list_groups(group_, mode, part->modes.at(mode));
      if (totals.empty()) {
        totals = groups;
        continue;
      }
      for (std::size_t i = 0; i < totals.size(); ++i) {
        totals[i].size.items += groups.at(i).size.items;
        totals[i].size.ragged += groups.at(i).size.ragged;
      }
    }
    GroupShape shape{.layers = parts.front()->layers,
                     .alphas = static_cast<std::int64_t>(manifest.alphas.size()),
                     .has_alpha_axis = mode == LacMode::kTrace,
                     .norms = manifest.norms};
    if (mode == LacMode::kExit) {
      store.create_group(group_);
      store.create_hard_link(schema::prompt_group(schema::mode_group(sweep.group, LacMode::kTrace)),
                             schema::prompt_group(group_));
    }
    for (const SizedGroup& group : totals) {
      shape.items = group.size.items;
      shape.ragged = group.size.ragged;
      writers_.emplace_back(store, group.path, sweep.group, group.columns, shape);
    }
  }

  void append(const Hdf5File& file, const PartInfo& part) {
    const std::vector<SizedGroup> groups = list_groups(group_, mode_, part.modes.at(mode_));
    for (std::size_t i = 0; i < writers_.size(); ++i) {
      writers_[i].append_from(file, groups.at(i).path, 0, groups.at(i).size.items);
    }
  }

  void finish() {
    for (ColumnGroupWriter& writer : writers_) writer.finish();
  }

 private:
  LacMode mode_;
  std::string group_;
  std::vector<ColumnGroupWriter> writers_;
};

void merge_modes(Hdf5File& store, const SweepParts& sweep, std::vector<LacMode> modes,
                 const std::vector<const PartInfo*>& parts, const RunManifest& manifest,
                 const KeepAlive& keep_alive) {
  if (parts.empty()) return;
  std::erase_if(modes, [&](LacMode mode) { return !parts.front()->modes.contains(mode); });
  std::vector<ModeMerger> mergers;
  for (const LacMode mode : modes) mergers.emplace_back(store, sweep, mode, parts, manifest);
  for (const PartInfo* const part : parts) {
    if (keep_alive) keep_alive();
    const Hdf5File file = open_part(part->place);
    for (ModeMerger& merger : mergers) merger.append(file, *part);
  }
  for (ModeMerger& merger : mergers) merger.finish();
}

// Models in the order of the manifest, then benchmarks; only those that have parts.
std::vector<SweepParts> group_by_sweep(const RunManifest& manifest, const std::vector<PartInfo>& parts) {
  std::vector<SweepParts> sweeps;
  for (std::size_t model = 0; model < manifest.models.size(); ++model) {
    for (std::size_t benchmark = 0; benchmark < manifest.benchmarks.size(); ++benchmark) {
      SweepParts sweep;
      sweep.group = schema::sweep_group(manifest.models[model], manifest.benchmarks[benchmark]);
      for (const PartInfo& part : parts) {
        if (part.unit.model.value() != static_cast<std::int32_t>(model) ||
            part.unit.benchmark.value() != static_cast<std::int32_t>(benchmark)) {
          continue;
        }
        (part.unit.stream == StreamKind::kShared ? sweep.shared : sweep.propagate).push_back(&part);
      }
      for (auto* const list : {&sweep.shared, &sweep.propagate}) {
        std::sort(list->begin(), list->end(), [](const PartInfo* a, const PartInfo* b) {
          return a->unit.first_question < b->unit.first_question;
        });
      }
      if (!sweep.shared.empty() || !sweep.propagate.empty()) sweeps.push_back(std::move(sweep));
    }
  }
  return sweeps;
}

// "problem 1, problem 2, ... and N more".
std::string join_some(const std::vector<std::string>& entries) {
  constexpr std::size_t kShown = 12;
  std::string text;
  for (std::size_t i = 0; i < entries.size() && i < kShown; ++i) text += "\n  " + entries[i];
  if (entries.size() > kShown) text += fmt::format("\n  and {} more", entries.size() - kShown);
  return text;
}

void refuse_unless_mergeable(const RunDirectory& run, const RunInspection& inspection,
                             bool allow_incomplete) {
  std::vector<std::string> problems = inspection.conflicting;
  std::string suggestion = "move files that do not belong to the run out of its parts folder";
  if (problems.empty() && allow_incomplete && !inspection.parts.empty()) return;
  if (problems.empty()) {
    const auto failures = failed_units(run);
    problems = inspection.corrupt;
    for (const UnitId& unit : inspection.missing) {
      std::error_code status;
      if (std::filesystem::exists(run.part_file(unit), status)) continue;  // corrupt, listed above
      const auto failure = failures.find(unit);
      problems.push_back(fmt::format("unit {}: no part{}", unit,
                                     failure == failures.end() ? "" : " (" + failure->second + ")"));
    }
    suggestion = inspection.parts.empty()
                     ? "run the experiment first"
                     : "run the experiment again to make what is missing, or merge what is "
                       "there with --allow-incomplete";
    if (problems.empty() && inspection.parts.empty()) problems.push_back("the plan has no units");
  }
  if (problems.empty()) return;
  throw InputError(
      {.problem = fmt::format("cannot merge '{}'", run.root().string()),
       .why = fmt::format("{} of {} units are there{}", inspection.parts.size(),
                          inspection.parts.size() + inspection.missing.size(), join_some(problems)),
       .suggestion = suggestion});
}

void write_root(Hdf5File& store, const RunDirectory& run, const RunManifest& manifest,
                const RunInspection& inspection) {
  store.write_attribute(schema::kRoot, schema::kFormatAttribute, std::string(schema::kFormatName));
  store.write_attribute(schema::kRoot, schema::kMajorAttribute, schema::kMajorVersion);
  store.write_attribute(schema::kRoot, schema::kMinorAttribute, schema::kMinorVersion);
  store.write_attribute(schema::kRoot, schema::kKindAttribute, std::string("store"));
  store.write_attribute(schema::kRoot, schema::kCompleteAttribute,
                        static_cast<std::uint8_t>(inspection.missing.empty() ? 1 : 0));
  store.write_attribute(schema::kRoot, schema::kFingerprintAttribute, manifest.fingerprint);
  store.write_text(schema::kManifest,
                   to_json(manifest).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const auto failures = failed_units(run);
  std::vector<std::string> units;
  std::vector<std::string> reasons;
  for (const UnitId& unit : inspection.missing) {
    const auto failure = failures.find(unit);
    units.push_back(unit.value());
    reasons.push_back(failure == failures.end() ? "" : failure->second);
  }
  store.write(schema::kMissingUnitIds, {static_cast<std::int64_t>(units.size())}, units);
  store.write(schema::kMissingUnitReasons, {static_cast<std::int64_t>(reasons.size())}, reasons);
}

void write_store(const std::filesystem::path& file, const RunDirectory& run, const RunManifest& manifest,
                 const RunInspection& inspection, const KeepAlive& keep_alive) {
  Hdf5File store = Hdf5File::create(file);
  write_root(store, run, manifest, inspection);
  store.create_group(schema::kResults);
  for (const SweepParts& sweep : group_by_sweep(manifest, inspection.parts)) {
    const PartInfo& any = sweep.shared.empty() ? *sweep.propagate.front() : *sweep.shared.front();
    create_sweep(store, sweep.group, any.layers, manifest.alphas);
    merge_questions(store, sweep);
    merge_modes(store, sweep, {LacMode::kTrace, LacMode::kExit}, sweep.shared, manifest, keep_alive);
    merge_modes(store, sweep, {LacMode::kPropagate}, sweep.propagate, manifest, keep_alive);
  }
  store.close();
}

void remove_quietly(const std::filesystem::path& file) {
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
}

}  // namespace

std::filesystem::path merge_run(const RunDirectory& run, const MergeOptions& options) {
  const RunManifest manifest = read_manifest(run);
  const RunInspection inspection = inspect_parts(run, manifest);
  refuse_unless_mergeable(run, inspection, options.allow_incomplete);
  std::filesystem::path output = options.output.empty() ? run.store_file() : options.output;
  const std::filesystem::path temporary = temporary_name(output);
  try {
    write_store(temporary, run, manifest, inspection, options.keep_alive);
    append_checksum_trailer(temporary);
  } catch (const Hdf5Error& error) {
    remove_quietly(temporary);
    if (error.exit_code() != ExitCode::kFailure) throw;  // a part cannot be read
    throw StorageError({.problem = fmt::format("cannot write the store '{}'", output.string()),
                        .why = error.text().why,
                        .suggestion = "the parts are complete: merge again when the disk is well"});
  } catch (...) {
    remove_quietly(temporary);
    throw;
  }
  publish_file(temporary, output);
  return output;
}

bool is_store_current(const RunDirectory& run) {
  std::error_code status;
  const auto merged = std::filesystem::last_write_time(run.store_file(), status);
  if (status) return false;
  const auto is_younger = [&](const std::filesystem::path& file) {
    const auto written = std::filesystem::last_write_time(file, status);
    return !status && written > merged;
  };
  if (is_younger(run.manifest_file())) return false;
  for (const auto& entry : std::filesystem::directory_iterator(run.parts_folder(), status)) {
    const std::filesystem::path extension = entry.path().extension();
    if ((extension == ".h5" || extension == kBundleExtension) && is_younger(entry.path())) return false;
  }
  return true;
}

}  // namespace lacuna
