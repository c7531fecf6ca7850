#include "results/part_inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>

#include "core/error.h"
#include "results/hdf5_file.h"
#include "results/part_catalog.h"
#include "results/schema.h"

namespace lacuna {

namespace {

// A part that is whole but is not what its unit needs.
struct Conflict {
  std::string why;
};

template <class T>
void expect_attribute(const Hdf5File& file, const char* name, const T& expected) {
  const T found = file.read_scalar_attribute<T>(schema::kRoot, name);
  if (found != expected) throw Conflict{fmt::format("its {} is '{}' instead of '{}'", name, found, expected)};
}

std::int64_t rows_of(const Hdf5File& file, const std::string& group, std::string_view column) {
  const std::vector<std::int64_t> shape = file.shape(schema::child(group, column));
  return shape.empty() ? 1 : shape.front();
}

ModeSizes read_mode_sizes(const Hdf5File& file, const std::string& group, LacMode mode) {
  ModeSizes sizes;
  if (mode != LacMode::kExit) {
    const std::string pp = schema::prompt_group(group);
    sizes.pp = {rows_of(file, pp, schema::kQuestionIndex), rows_of(file, pp, schema::kToken)};
    sizes.timed_questions = rows_of(file, schema::timing_group(group), schema::kPrefillSeconds);
  }
  const std::string response = schema::response_group(group);
  sizes.response = {rows_of(file, response, schema::kQuestionIndex),
                    rows_of(file, response, schema::kTokenIds)};
  sizes.rg = {sizes.response.items, rows_of(file, schema::generation_group(group), schema::kToken)};
  const std::string loglik = schema::loglik_group(group);
  if (file.is_group(loglik)) {
    sizes.loglik = {rows_of(file, loglik, schema::kQuestionIndex),
                    rows_of(file, loglik, schema::kContinuation)};
  }
  return sizes;
}

void expect_identity(const Hdf5File& file, const RunManifest& manifest, const WorkUnit& unit) {
  expect_attribute(file, schema::kFormatAttribute, std::string(schema::kFormatName));
  expect_attribute(file, schema::kKindAttribute, std::string("part"));
  expect_attribute(file, schema::kMajorAttribute, schema::kMajorVersion);
  expect_attribute(file, schema::kUnitAttribute, unit.id.value());
  expect_attribute(file, schema::kStreamAttribute, std::string(to_string(unit.stream)));
  expect_attribute(file, schema::kFirstQuestionAttribute, unit.first_question.value());
  expect_attribute(file, schema::kQuestionCountAttribute, unit.question_count);
  expect_attribute(file, schema::kFingerprintAttribute, manifest.fingerprint);
}

PartInfo inspect_part(const PartLocation& place, const RunManifest& manifest, const WorkUnit& unit) {
  const Hdf5File file = open_part(place);
  expect_identity(file, manifest, unit);
  const std::string sweep =
      schema::sweep_group(manifest.models[static_cast<std::size_t>(unit.model.value())],
                          manifest.benchmarks[static_cast<std::size_t>(unit.benchmark.value())]);
  PartInfo info;
  info.unit = unit;
  info.place = place;
  info.layers = file.read_scalar_attribute<std::int64_t>(sweep, schema::kLayersAttribute);
  if (file.read<double>(schema::child(sweep, schema::kAlpha)).values != manifest.alphas) {
    throw Conflict{"its thresholds are not those of the manifest"};
  }
  const std::string questions = schema::question_group(sweep);
  std::vector<std::int64_t> expected(static_cast<std::size_t>(unit.question_count));
  std::iota(expected.begin(), expected.end(), unit.first_question.value());
  if (file.read<std::int64_t>(schema::child(questions, schema::kIndex)).values != expected) {
    throw Conflict{"its questions are not those of its unit"};
  }
  info.prompt_token_offsets =
      file.read<std::int64_t>(schema::child(questions, schema::kPromptTokenOffsets)).values;
  const bool wants_exit =
      std::find(manifest.modes.begin(), manifest.modes.end(), LacMode::kExit) != manifest.modes.end();
  for (const LacMode mode : {LacMode::kTrace, LacMode::kExit, LacMode::kPropagate}) {
    const bool is_expected = unit.stream == StreamKind::kPropagate
                                 ? mode == LacMode::kPropagate
                                 : mode == LacMode::kTrace || (mode == LacMode::kExit && wants_exit);
    const std::string group = schema::mode_group(sweep, mode);
    if (file.is_group(group) != is_expected) {
      throw Conflict{fmt::format("it {} mode {}", is_expected ? "lacks" : "holds", to_string(mode))};
    }
    if (!is_expected) continue;
    const std::string norms = schema::child(schema::generation_group(group), schema::kNorms);
    if (file.is_dataset(norms) != manifest.norms) {
      throw Conflict{fmt::format("it {} norms", manifest.norms ? "lacks" : "holds")};
    }
    info.modes[mode] = read_mode_sizes(file, group, mode);
    const std::vector<Scoring>& scoring = manifest.scoring[static_cast<std::size_t>(unit.benchmark.value())];
    const bool wants_loglik = std::find(scoring.begin(), scoring.end(), Scoring::kLoglik) != scoring.end();
    if (info.modes[mode].loglik.has_value() != wants_loglik) {
      throw Conflict{fmt::format("it {} log-likelihoods", wants_loglik ? "lacks" : "holds")};
    }
  }
  return info;
}

// Units of a plan that would answer the same question twice.
void find_doubles(const RunManifest& manifest, std::vector<std::string>& conflicting) {
  std::map<std::tuple<ModelIndex, BenchmarkIndex, StreamKind>, std::vector<const WorkUnit*>> sweeps;
  for (const WorkUnit& unit : manifest.units) {
    sweeps[{unit.model, unit.benchmark, unit.stream}].push_back(&unit);
  }
  for (auto& [key, units] : sweeps) {
    std::sort(units.begin(), units.end(),
              [](const WorkUnit* a, const WorkUnit* b) { return a->first_question < b->first_question; });
    for (std::size_t i = 1; i < units.size(); ++i) {
      const std::int64_t end = units[i - 1]->first_question.value() + units[i - 1]->question_count;
      if (units[i]->question_count > 0 && units[i]->first_question.value() < end) {
        conflicting.push_back(fmt::format("units '{}' and '{}' both hold question {}", units[i - 1]->id,
                                          units[i]->id, units[i]->first_question));
      }
    }
  }
}

// Parts that no unit of the plan asks for.
void find_foreign_parts(const std::map<UnitId, std::vector<PartLocation>>& places,
                        const RunManifest& manifest, std::vector<std::string>& conflicting) {
  std::set<UnitId> planned;
  for (const WorkUnit& unit : manifest.units) planned.insert(unit.id);
  for (const auto& [unit, parts] : places) {
    if (planned.contains(unit)) continue;
    for (const PartLocation& part : parts) {
      conflicting.push_back(fmt::format("{}: no unit of the plan has this name", describe(part)));
    }
  }
}

// All parts of one model must agree on its number of layers.
void find_layer_conflicts(const RunManifest& manifest, RunInspection& inspection) {
  std::map<ModelIndex, std::int64_t> layers;
  for (const PartInfo& part : inspection.parts) {
    const auto [place, is_first] = layers.try_emplace(part.unit.model, part.layers);
    if (!is_first && place->second != part.layers) {
      inspection.conflicting.push_back(
          fmt::format("{}: {} layers where other parts of '{}' have {}", describe(part.place), part.layers,
                      manifest.models[static_cast<std::size_t>(part.unit.model.value())], place->second));
    }
  }
}

// Takes the first of a unit's parts that is whole and its own.
void inspect_unit(const WorkUnit& unit, const std::vector<PartLocation>& places, const RunManifest& manifest,
                  RunInspection& inspection) {
  std::vector<std::string> corrupt;
  std::vector<std::string> conflicting;
  for (const PartLocation& place : places) {
    if (const auto problem = find_part_problem(place)) {
      corrupt.push_back(fmt::format("{}: {}", describe(place), *problem));
      continue;
    }
    try {
      inspection.parts.push_back(inspect_part(place, manifest, unit));
      break;
    } catch (const Conflict& conflict) {
      conflicting.push_back(fmt::format("{}: {}", describe(place), conflict.why));
    } catch (const StorageError&) {
      throw;
    } catch (const Error& error) {
      conflicting.emplace_back(error.what());
    }
  }
  const bool is_found = !inspection.parts.empty() && inspection.parts.back().unit.id == unit.id;
  if (!is_found && conflicting.empty()) inspection.missing.push_back(unit.id);
  inspection.corrupt.insert(inspection.corrupt.end(), corrupt.begin(), corrupt.end());
  inspection.conflicting.insert(inspection.conflicting.end(), conflicting.begin(), conflicting.end());
}

}  // namespace

std::optional<std::string> find_identity_problem(const Hdf5File& part, const RunManifest& manifest,
                                                 const WorkUnit& unit) {
  try {
    expect_identity(part, manifest, unit);
    return std::nullopt;
  } catch (const Conflict& conflict) {
    return conflict.why;
  } catch (const StorageError&) {
    throw;
  } catch (const Error& error) {
    return fmt::format("{} ({})", error.text().problem, error.text().why);
  }
}

std::optional<std::string> find_identity_problem(const PartLocation& part, const RunManifest& manifest,
                                                 const WorkUnit& unit) {
  try {
    return find_identity_problem(open_part(part), manifest, unit);
  } catch (const StorageError&) {
    throw;
  } catch (const Error& error) {
    return fmt::format("{} ({})", error.text().problem, error.text().why);
  }
}

UnitId read_part_unit(const Hdf5File& part) {
  return UnitId(part.read_scalar_attribute<std::string>(schema::kRoot, schema::kUnitAttribute));
}

RunInspection inspect_parts(const RunDirectory& run, const RunManifest& manifest) {
  RunInspection inspection;
  find_doubles(manifest, inspection.conflicting);
  const PartCatalog catalog = list_parts(run);
  auto places = catalog.by_unit();
  find_foreign_parts(places, manifest, inspection.conflicting);
  for (const UnusableFile& bundle : catalog.unusable) {
    inspection.corrupt.push_back(fmt::format("{}: {}", bundle.file.string(), bundle.why));
  }
  for (const WorkUnit& unit : manifest.units) {
    const auto is_gone = [](const PartLocation& part) { return !is_there(part); };
    // A coordinator may have bundled them since they were listed.
    if (std::ranges::any_of(places[unit.id], is_gone)) places = list_parts(run).by_unit();
    inspect_unit(unit, places[unit.id], manifest, inspection);
  }
  find_layer_conflicts(manifest, inspection);
  return inspection;
}

}  // namespace lacuna
