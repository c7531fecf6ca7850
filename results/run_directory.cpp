#include "results/run_directory.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"
#include "results/durable_file.h"

namespace lacuna {

namespace {

constexpr const char* kPartExtension = ".h5";
constexpr const char* kTemporaryExtension = ".tmp";

nlohmann::json read_json(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    throw InputError({.problem = fmt::format("cannot read '{}'", file.string()),
                      .why = "there is no such file",
                      .suggestion = "give the directory of a run"});
  }
  try {
    return nlohmann::json::parse(stream);
  } catch (const nlohmann::json::exception& error) {
    throw InputError({.problem = fmt::format("'{}' is not JSON", file.string()), .why = error.what()});
  }
}

}  // namespace

std::filesystem::path RunDirectory::part_file(const UnitId& unit) const {
  return parts_folder() / (unit.value() + kPartExtension);
}

std::filesystem::path RunDirectory::author_json_folder(const std::string& model, const std::string& benchmark,
                                                       LacMode mode, double alpha) const {
  return root_ / "author_json" / model / benchmark / to_string(mode) / fmt::format("alpha_{}", alpha);
}

void RunDirectory::create() const {
  make_folders(parts_folder());
}

void remove_temporary_parts(const RunDirectory& run) {
  std::error_code status;
  for (const auto& entry : std::filesystem::directory_iterator(run.parts_folder(), status)) {
    std::error_code ignored;
    if (entry.path().extension() == kTemporaryExtension) std::filesystem::remove(entry.path(), ignored);
  }
  // A store that was being merged may be as large as the run.
  for (const auto& entry : std::filesystem::directory_iterator(run.root(), status)) {
    std::error_code ignored;
    const bool is_ours = entry.path().filename().string().starts_with('.');
    if (is_ours && entry.path().extension() == kTemporaryExtension) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

void write_manifest(const RunDirectory& run, const RunManifest& manifest) {
  run.create();
  const std::string text =
      to_json(manifest).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  write_file_durably(run.manifest_file(),
                     {std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())});
}

RunManifest read_manifest(const RunDirectory& run) {
  return parse_manifest(read_json(run.manifest_file()));
}

bool has_manifest(const RunDirectory& run) {
  std::error_code status;
  return std::filesystem::is_regular_file(run.manifest_file(), status);
}

void record_failed_unit(const RunDirectory& run, const UnitId& unit, const std::string& why) {
  const nlohmann::json line = {{"unit", unit.value()}, {"why", why}};
  append_to_file(run.failures_file(),
                 line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::map<UnitId, std::string> failed_units(const RunDirectory& run) {
  std::map<UnitId, std::string> failures;
  std::ifstream stream(run.failures_file(), std::ios::binary);
  for (std::string line; std::getline(stream, line);) {
    // A line that a full disk cut short says nothing; the missing part does.
    const auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object() || !object.contains("unit") || !object["unit"].is_string()) continue;
    const auto why = object.find("why");
    failures[UnitId(object["unit"].get<std::string>())] =
        why != object.end() && why->is_string() ? why->get<std::string>() : "";
  }
  return failures;
}

}  // namespace lacuna
