#include "worker/benchmarks/mmlu_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "worker/benchmarks/benchmark_kind.h"

namespace lacuna {
namespace {

using Path = std::filesystem::path;

// Groups as lm-evaluation-harness reports them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 57> kGroupOfSubject = {{
    {"abstract_algebra", "stem"},
    {"anatomy", "stem"},
    {"astronomy", "stem"},
    {"business_ethics", "other"},
    {"clinical_knowledge", "other"},
    {"college_biology", "stem"},
    {"college_chemistry", "stem"},
    {"college_computer_science", "stem"},
    {"college_mathematics", "stem"},
    {"college_medicine", "other"},
    {"college_physics", "stem"},
    {"computer_security", "stem"},
    {"conceptual_physics", "stem"},
    {"econometrics", "social_sciences"},
    {"electrical_engineering", "stem"},
    {"elementary_mathematics", "stem"},
    {"formal_logic", "humanities"},
    {"global_facts", "other"},
    {"high_school_biology", "stem"},
    {"high_school_chemistry", "stem"},
    {"high_school_computer_science", "stem"},
    {"high_school_european_history", "humanities"},
    {"high_school_geography", "social_sciences"},
    {"high_school_government_and_politics", "social_sciences"},
    {"high_school_macroeconomics", "social_sciences"},
    {"high_school_mathematics", "stem"},
    {"high_school_microeconomics", "social_sciences"},
    {"high_school_physics", "stem"},
    {"high_school_psychology", "social_sciences"},
    {"high_school_statistics", "stem"},
    {"high_school_us_history", "humanities"},
    {"high_school_world_history", "humanities"},
    {"human_aging", "other"},
    {"human_sexuality", "social_sciences"},
    {"international_law", "humanities"},
    {"jurisprudence", "humanities"},
    {"logical_fallacies", "humanities"},
    {"machine_learning", "stem"},
    {"management", "other"},
    {"marketing", "other"},
    {"medical_genetics", "other"},
    {"miscellaneous", "other"},
    {"moral_disputes", "humanities"},
    {"moral_scenarios", "humanities"},
    {"nutrition", "other"},
    {"philosophy", "humanities"},
    {"prehistory", "humanities"},
    {"professional_accounting", "other"},
    {"professional_law", "humanities"},
    {"professional_medicine", "other"},
    {"professional_psychology", "social_sciences"},
    {"public_relations", "social_sciences"},
    {"security_studies", "social_sciences"},
    {"sociology", "social_sciences"},
    {"us_foreign_policy", "social_sciences"},
    {"virology", "other"},
    {"world_religions", "humanities"},
}};
constexpr std::array<std::string_view, 4> kGroups = {"stem", "humanities", "social_sciences", "other"};

std::string_view group_of(std::string_view subject) {
  for (const auto& [name, group] : kGroupOfSubject) {
    if (name == subject) return group;
  }
  return {};  // a subject of somebody's own
}

// "astronomy_test.csv" to "astronomy"; empty if the name does not end like that.
std::string subject_in_name(const Path& file, std::string_view split) {
  const std::string name = file.filename().string();
  const std::string ending = fmt::format("_{}.csv", split);
  return name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) : std::string();
}

std::vector<MmluSubjectFile> list_folder(const Path& folder, const Path& example_folder,
                                         const std::string& split) {
  std::vector<MmluSubjectFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string subject = subject_in_name(entry.path(), split);
    if (subject.empty() || !entry.is_regular_file()) continue;
    files.push_back({subject, split, entry.path(), example_folder / (subject + "_dev.csv")});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.subject < b.subject; });
  return files;
}

MmluSubjectFile describe_single_file(const BenchmarkConfig& config) {
  const Path folder = config.path.parent_path();
  MmluSubjectFile found{config.path.stem().string(), config.split, config.path, {}};
  for (const std::string& split :
       {config.split, std::string("test"), std::string("val"), std::string("dev")}) {
    if (const std::string subject = subject_in_name(config.path, split); !subject.empty()) {
      found.subject = subject;
      found.split = split;
      break;
    }
  }
  found.example_file = folder.parent_path() / "dev" / (found.subject + "_dev.csv");
  return found;
}

MmluFiles list_all_files(const BenchmarkConfig& config) {
  if (config.split.empty() || config.split.find_first_of("/\\") != std::string::npos) {
    fail_config(config, fmt::format("split '{}' is not a folder's name", config.split), "",
                "use test, val or dev");
  }
  if (!path_is_directory(config)) {
    if (config.path.extension() != ".jsonl") return {.csv = {describe_single_file(config)}};
    return {.export_file = config.path, .export_example_file = config.path.parent_path() / "dev.jsonl"};
  }
  MmluFiles files;
  const Path folder = config.path / config.split;
  if (std::filesystem::is_directory(folder)) {
    files.csv = list_folder(folder, config.path / "dev", config.split);
  } else if (const Path exported = config.path / (config.split + ".jsonl");
             std::filesystem::is_regular_file(exported)) {
    return {.export_file = exported, .export_example_file = config.path / "dev.jsonl"};
  } else {
    // The split folder itself. A trailing slash would hide its parent.
    const Path inside = (config.path / "x").lexically_normal().parent_path();
    files.csv = list_folder(config.path, inside.parent_path() / "dev", config.split);
  }
  if (files.csv.empty()) {
    fail_config(config, fmt::format("no MMLU files of split '{}' in {}", config.split, config.path.string()),
                fmt::format("expected {0}/<subject>_{0}.csv or {0}.jsonl", config.split),
                "check path and split");
  }
  return files;
}

}  // namespace

std::vector<std::string> expand_mmlu_subjects(const BenchmarkConfig& config,
                                              const std::vector<std::string>& available) {
  std::vector<std::string> subjects;
  for (const std::string& wanted : config.subjects) {
    const std::size_t before = subjects.size();
    for (const std::string& subject : available) {
      if (subject == wanted || group_of(subject) == wanted) subjects.push_back(subject);
    }
    if (subjects.size() > before && !wanted.empty()) continue;
    fail_config(config, fmt::format("unknown subject '{}'", wanted),
                fmt::format("{} has none of that name", config.path.string()),
                fmt::format("the subjects are {}; the groups are {}", fmt::join(available, ", "),
                            fmt::join(kGroups, ", ")));
  }
  return subjects;
}

MmluFiles find_mmlu_files(const BenchmarkConfig& config) {
  MmluFiles files = list_all_files(config);
  if (config.subjects.empty() || files.csv.empty()) return files;
  std::vector<std::string> available;
  for (const MmluSubjectFile& file : files.csv) available.push_back(file.subject);
  const std::vector<std::string> wanted = expand_mmlu_subjects(config, available);
  std::erase_if(files.csv, [&](const MmluSubjectFile& file) {
    return std::find(wanted.begin(), wanted.end(), file.subject) == wanted.end();
  });
  return files;
}

}  // namespace lacuna
