// A small made-up run: two models x two benchmarks, both streams, random records that any test can make
// again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "core/records.h"
#include "core/work_unit.h"
#include "results/run_directory.h"
#include "tests/temporary_folder.h"

namespace lacuna::testing {

class SyntheticRun {
 public:
  // `questions` a benchmark, in units of three.
  explicit SyntheticRun(std::filesystem::path folder, std::int64_t questions = 7);

  ExperimentConfig config;
  std::vector<WorkUnit> plan;
  RunDirectory run;
  std::string fingerprint = "0123456789abcdef";

  [[nodiscard]] std::int64_t layers(const WorkUnit& unit) const;
  // The record of a question of a unit: a function of model, benchmark, stream and question only, but for the
  // timings, which `clock` sets. Question 1 has a response of one token, question 2 no choice. Responses and
  // scores as config.benchmarks[..].scoring asks for them (by default no scores); mmlu's are normalized too.
  [[nodiscard]] QuestionRecord record(const WorkUnit& unit, std::int64_t question, double clock = 0) const;
  [[nodiscard]] RunManifest manifest() const;
  void write_manifest_file() const;
  // Writes the parts of these units (positions in the plan), in this order.
  void write_parts(const std::vector<std::size_t>& order, double clock = 0) const;
  [[nodiscard]] std::vector<std::size_t> all_units() const;
};

std::vector<char> read_bytes(const std::filesystem::path& file);
void write_bytes(const std::filesystem::path& file, const std::vector<char>& bytes);
// Changes one bit of a file.
void flip_bit(const std::filesystem::path& file, std::size_t position);
// The names in a folder, sorted; none if there is no such folder.
std::vector<std::string> names_in(const std::filesystem::path& folder);

}  // namespace lacuna::testing
