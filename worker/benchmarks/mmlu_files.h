// Where the files of an MMLU copy lie, and which of the 57 subjects belongs to which group.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/experiment_config.h"

namespace lacuna {

// One CSV file of the original layout and its examples.
struct MmluSubjectFile {
  std::string subject;
  std::string split;                   // "test", from the file's name
  std::filesystem::path file;          // <split>/<subject>_<split>.csv
  std::filesystem::path example_file;  // dev/<subject>_dev.csv; need not exist
};

struct MmluFiles {
  std::vector<MmluSubjectFile> csv = {};           // alphabetical by subject; empty for an export
  std::filesystem::path export_file = {};          // .jsonl of all subjects, or empty
  std::filesystem::path export_example_file = {};  // dev.jsonl beside it; need not exist
};

// The files of the selected subjects (all subjects for an export, whose rows are selected after reading).
// Throws InputError if there are none or a subject is unknown.
MmluFiles find_mmlu_files(const BenchmarkConfig& config);

// Subjects and groups (stem, humanities, social_sciences, other) to subjects: a group stands for those of its
// subjects that are in `available`. Throws InputError for a name that is neither.
std::vector<std::string> expand_mmlu_subjects(const BenchmarkConfig& config,
                                              const std::vector<std::string>& available);

}  // namespace lacuna
