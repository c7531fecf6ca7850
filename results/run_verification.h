// `lacuna verify`: whether everything is there, once, and as it was written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "results/run_directory.h"

namespace lacuna {

struct VerificationOptions {
  // Whether the store of a run directory is compared with its parts: they are merged once more into a scratch
  // file as large as the store, and the two compared value by value.
  bool compare_store = true;
  // Folder of the scratch file; empty: that for temporary files (TMPDIR).
  std::filesystem::path scratch_folder = {};
};

struct Verification {
  std::filesystem::path subject;     // the run directory or store
  std::vector<std::string> damage;   // damaged, double, foreign or contradictory things, a sentence each
  std::vector<std::string> missing;  // units that are not there, a store that is behind its parts
  std::vector<std::string> notes;    // harmless, for example a loose part that is bundled too
  std::int64_t units = 0;            // of the plan
  std::int64_t units_whole = 0;
  std::int64_t questions = 0;  // of the plan; a question counts once for each model and stream
  std::int64_t questions_whole = 0;
  bool has_store = false;
  bool store_was_compared = false;  // with the parts

  // kOk: whole and complete; kIncomplete: whole, but something is missing; kFailure: damage.
  [[nodiscard]] ExitCode exit_code() const;
};

// Checks a run directory: every part's checksum, attributes and contents (content_check.h), the plan against
// the parts, and the store, if there is one, against both. Takes no lock and writes nothing into the run.
// Throws InputError if it is no run directory, StorageError if the scratch file cannot be written.
Verification verify_run(const RunDirectory& run, const VerificationOptions& options = {});

// Checks a store alone: its checksum, and that it holds what its manifest plans, but for the units that it
// lists as missing. Throws InputError if it is no store.
Verification verify_store(const std::filesystem::path& store);

// A line for each problem and a summary.
std::string render_verification(const Verification& verification);
// {"subject", "ok", "complete", "damage": [...], "missing": [...], "notes": [...], "units": {"planned",
// "whole"}, "questions": {"planned", "whole"}, "store": {"present", "compared"}}
nlohmann::json to_json(const Verification& verification);

}  // namespace lacuna
